import { addLoad, noLoad } from './replica-view.ts';
import type { ReplicaLoad, ReplicaSignals } from './replica-view.ts';

/** What one router has under way, in absolute figures: the newest row replaces all older ones. */
export interface LedgerRow {
  readonly router: string;
  /** Start of the router's process; a greater one is newer, whatever `seq` says. */
  readonly epoch: number;
  /** Grows with every change. */
  readonly seq: number;
  /** Load per replica; one that is absent has none. */
  readonly replicas: Readonly<Record<string, ReplicaLoad>>;
}

interface Heard<T> {
  readonly value: T;
  readonly at: number;
}

/** A replica's load at one instant, with what the engine itself says. */
export type MeasuredLoad = ReplicaLoad & ReplicaSignals & { readonly unseen: number };

/** A peer that is silent for longer on a working channel is gone, milliseconds. */
const rowTtlMs = 3000;
/** Signals older than this are unknown. */
const signalTtlMs = 3000;
/** An engine's count that is above ours by no more than this says nothing: the two are not taken at one instant. */
const unseenSlack = { requests: 2, share: 0.1 } as const;

/**
 * What is under way on replicas: the load that each router reports, and their own signals. Times are monotonic
 * milliseconds and come in with each call; the table waits for nothing.
 */
export class ReplicaTable {
  readonly #owner: Pick<LedgerRow, 'router' | 'epoch'>;
  readonly #own = new Map<string, ReplicaLoad>();
  #seq = 0;
  readonly #peers = new Map<string, Heard<LedgerRow>>();
  readonly #signals = new Map<string, Heard<ReplicaSignals & { readonly unseen: number }>>();
  #channelUp = false;
  #channelUpSince = 0;

  constructor({ router, epoch }: Pick<LedgerRow, 'router' | 'epoch'>) {
    this.#owner = { router, epoch };
  }

  /** Adds to this router's own load on a replica; negative figures give back. It counts at once. */
  change(replica: string, by: ReplicaLoad): void {
    const load = addLoad(this.ownLoad(replica), by);
    // Without a request there is no load; this also ends what rounding has left.
    if (load.inFlight <= 0) this.#own.delete(replica);
    else this.#own.set(replica, load);
    this.#seq++;
  }

  /** This router's own load on a replica, for drain reports. */
  ownLoad(replica: string): ReplicaLoad {
    return this.#own.get(replica) ?? noLoad;
  }

  /** This router's row, to be published after changes. */
  row(): LedgerRow {
    return { ...this.#owner, seq: this.#seq, replicas: Object.fromEntries(this.#own) };
  }

  /** Takes a row from the channel; an older one or a repeat changes nothing but when its owner was heard. */
  receive(row: LedgerRow, now: number): void {
    if (row.router === this.#owner.router) return;
    const known = this.#peers.get(row.router)?.value;
    if (known && row.epoch < known.epoch) return;
    const isNewer = !known || row.epoch > known.epoch || row.seq > known.seq;
    this.#peers.set(row.router, { value: isNewer ? row : known, at: now });
  }

  /** Whether the channel works, that is, whether this router hears itself. While it does not, peers' rows stay. */
  setChannelUp(up: boolean, now: number): void {
    this.#expire(now);
    if (up && !this.#channelUp) this.#channelUpSince = now;
    this.#channelUp = up;
  }

  /** Takes what was scraped from a replica; what is left out is unknown. */
  setSignals(replica: string, signals: ReplicaSignals, now: number): void {
    const { running = 0, waiting = 0 } = signals;
    const { inFlight } = this.#load(replica);
    const beyond = running + waiting - inFlight;
    const unseen = beyond > unseenSlack.requests + unseenSlack.share * inFlight ? beyond : 0;
    this.#signals.set(replica, { value: { ...signals, unseen }, at: now });
  }

  /** A replica that is gone says nothing any more; what is under way on it stays until it is given back. */
  forget(replica: string): void {
    this.#signals.delete(replica);
  }

  /** The load of all routers together, and the engine's signals unless they are old. */
  load(replica: string, now: number): MeasuredLoad {
    this.#expire(now);
    const heard = this.#signals.get(replica);
    const signals = heard && now - heard.at <= signalTtlMs ? heard.value : { unseen: 0 };
    return Object.assign(this.#load(replica), signals);
  }

  /** Other routers whose rows are part of the load. */
  peers(now: number): LedgerRow[] {
    this.#expire(now);
    return [...this.#peers.values()].map(({ value }) => value);
  }

  /** Added up in place: it is done for every replica of every pick. */
  #load(replica: string): ReplicaLoad {
    const sum = { ...this.ownLoad(replica) };
    for (const { value } of this.#peers.values()) {
      const load = value.replicas[replica];
      if (load === undefined) continue;
      sum.inFlight += load.inFlight;
      sum.prefillSecondsLeft += load.prefillSecondsLeft;
      sum.privateContextTokens += load.privateContextTokens;
      sum.reservedOutputTokens += load.reservedOutputTokens;
    }
    return sum;
  }

  /** A peer's silence counts only while the channel works. */
  #expire(now: number): void {
    if (!this.#channelUp) return;
    for (const [router, { at }] of this.#peers) {
      if (now - Math.max(at, this.#channelUpSince) > rowTtlMs) this.#peers.delete(router);
    }
  }
}
