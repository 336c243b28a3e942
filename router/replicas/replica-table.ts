import { addLoad, noLoad } from './replica-view.ts';
import type { ReplicaCondition, ReplicaLoad, ReplicaSignals, ReplicaState, ReplicaView } from './replica-view.ts';

/** What one router has under way, in absolute figures: the newest row replaces all older ones. */
export interface LedgerRow {
  readonly router: string;
  /** Start of the router's process; a greater one is newer, whatever `seq` says. */
  readonly epoch: number;
  /** Grows with every change. */
  readonly seq: number;
  /** Load per replica; one that is absent has none. */
  readonly replicas: Readonly<Record<string, ReplicaLoad>>;
  /** Work served per flow, for fairness among all routers: uncached prompt tokens plus output tokens. */
  readonly flows: Readonly<Record<string, number>>;
}

export interface ReplicaTableOptions {
  readonly router: string;
  readonly epoch: number;
  /** A peer that is silent for longer on a working channel is gone. */
  readonly rowTtlMs?: number;
  /** Signals older than this are unknown. */
  readonly signalTtlMs?: number;
  /** Bound on the flows in this router's row. */
  readonly maxFlows?: number;
}

interface Heard<T> {
  readonly value: T;
  readonly at: number;
}

const ROW_TTL_MS = 3000;
const SIGNAL_TTL_MS = 3000;
/** Every push carries all of them. */
const MAX_FLOWS = 64;

/**
 * What is known of a pool's replicas: their state, the load that each router reports, and their own signals. Times are
 * monotonic milliseconds and come in with each call; the table waits for nothing.
 */
export class ReplicaTable {
  private readonly options: Required<ReplicaTableOptions>;
  private conditions = new Map<string, ReplicaCondition>();
  private readonly own = new Map<string, ReplicaLoad>();
  private readonly flows = new Map<string, number>();
  private seq = 0;
  private readonly peers = new Map<string, Heard<LedgerRow>>();
  private readonly scraped = new Map<string, Heard<ReplicaSignals>>();
  private channelUp = false;
  private channelUpSince = 0;

  constructor(options: ReplicaTableOptions) {
    this.options = { rowTtlMs: ROW_TTL_MS, signalTtlMs: SIGNAL_TTL_MS, maxFlows: MAX_FLOWS, ...options };
  }

  /** The replicas of the pool, from its document; those that are not named are forgotten, their load is not. */
  setReplicas(conditions: ReadonlyMap<string, ReplicaCondition>): void {
    this.conditions = new Map(conditions);
    for (const id of this.scraped.keys()) if (!this.conditions.has(id)) this.scraped.delete(id);
  }

  /** Adds to this router's own load on a replica; negative figures give back. It counts at once. */
  change(replica: string, by: ReplicaLoad): void {
    const load = addLoad(this.own.get(replica) ?? noLoad, by);
    // Without a request there is no load; this also ends what rounding has left.
    if (load.inFlight <= 0) this.own.delete(replica);
    else this.own.set(replica, load);
    this.seq++;
  }

  /** This router's own load on a replica, for drain reports. */
  ownLoad(replica: string): ReplicaLoad {
    return this.own.get(replica) ?? noLoad;
  }

  /** Adds to the work served for a flow. The flows that were idle longest are forgotten beyond the bound. */
  serve(flow: string, work: number): void {
    const total = (this.flows.get(flow) ?? 0) + work;
    this.flows.delete(flow);
    this.flows.set(flow, total);
    const [longestIdle] = this.flows.keys();
    if (this.flows.size > this.options.maxFlows && longestIdle !== undefined) this.flows.delete(longestIdle);
    this.seq++;
  }

  /** This router's row, to be published after changes and once a second. */
  row(): LedgerRow {
    const { router, epoch } = this.options;
    const flows = Object.fromEntries(this.flows);
    return { router, epoch, seq: this.seq, replicas: Object.fromEntries(this.own), flows };
  }

  /** Takes a row from the channel; an older one or a repeat changes nothing but when its owner was heard. */
  receive(row: LedgerRow, now: number): void {
    if (row.router === this.options.router) return;
    const known = this.peers.get(row.router)?.value;
    if (known && row.epoch < known.epoch) return;
    const isNewer = !known || row.epoch > known.epoch || row.seq > known.seq;
    this.peers.set(row.router, { value: isNewer ? row : known, at: now });
  }

  /** Whether the channel works, that is, whether this router hears itself. While it does not, peers' rows stay. */
  setChannelUp(up: boolean, now: number): void {
    this.expire(now);
    if (up && !this.channelUp) this.channelUpSince = now;
    this.channelUp = up;
  }

  /** Takes what was scraped from a replica; what is left out is unknown. */
  setSignals(replica: string, signals: ReplicaSignals, now: number): void {
    if (this.conditions.has(replica)) this.scraped.set(replica, { value: signals, at: now });
  }

  /** Work served per flow by all routers together. */
  served(now: number): Map<string, number> {
    this.expire(now);
    const sum = new Map(this.flows);
    for (const { value } of this.peers.values()) {
      for (const [flow, work] of Object.entries(value.flows)) sum.set(flow, (sum.get(flow) ?? 0) + work);
    }
    return sum;
  }

  /** A snapshot for `pick`. */
  view(now: number): ReplicaView {
    this.expire(now);
    const rows = [...this.peers.values()].map(({ value }) => value);
    const replicas = [...this.conditions].map(([id, condition]): ReplicaState => {
      const loads = rows.map((row) => row.replicas[id] ?? noLoad);
      return { id, condition, ...loads.reduce(addLoad, this.ownLoad(id)), ...this.signals(id, now) };
    });
    return { replicas, peers: rows.length, frozen: !this.channelUp };
  }

  private signals(replica: string, now: number): ReplicaSignals {
    const heard = this.scraped.get(replica);
    return heard && now - heard.at <= this.options.signalTtlMs ? heard.value : {};
  }

  /** A peer's silence counts only while the channel works. */
  private expire(now: number): void {
    if (!this.channelUp) return;
    for (const [router, { at }] of this.peers) {
      if (now - Math.max(at, this.channelUpSince) > this.options.rowTtlMs) this.peers.delete(router);
    }
  }
}
