import { FlowWork } from './flow-work.ts';
import { addLoad, noLoad } from './replica-view.ts';
import type { ReplicaLoad, ReplicaSignals } from './replica-view.ts';

/** What one router has under way on one replica; its prefill is what should be left when the row is made. */
export interface RowLoad extends ReplicaLoad {
  /** Seconds until the last of that prefill is computed: what routers had booked before it comes first. */
  readonly prefillDoneIn: number;
}

/** What one router has under way, in absolute figures: the newest row replaces all older ones. */
export interface LedgerRow {
  readonly router: string;
  /** Start of the router's process; a greater one is newer, whatever `seq` says. */
  readonly epoch: number;
  /** Grows with every change. */
  readonly seq: number;
  /** Load per replica; one that is absent has none. */
  readonly replicas: Readonly<Record<string, RowLoad>>;
}

/** A router's own load on one replica. */
interface Booked {
  /** Its prefill is all that was booked and not given back. */
  readonly load: ReplicaLoad;
  /** When the last of its prefill should be computed. */
  readonly doneAt: number;
}

/** Another router's row, when its figures were taken, and when its owner was heard last. */
interface Peer {
  readonly row: LedgerRow;
  readonly takenAt: number;
  readonly heardAt: number;
}

interface Heard<T> {
  readonly value: T;
  readonly at: number;
}

/** A replica's load at one instant, with what the engine itself says. */
export type MeasuredLoad = ReplicaLoad & ReplicaSignals & { readonly unseen: number };

/** The same of a replica, to be filled in. */
export interface LoadRoom {
  readonly id: string;
  inFlight: number;
  prefillSecondsLeft: number;
  privateContextTokens: number;
  reservedOutputTokens: number;
  coldPrompts: number;
  unseen: number;
  signals: ReplicaSignals;
}

type LoadSum = Omit<LoadRoom, 'id' | 'unseen' | 'signals'>;

const silent: ReplicaSignals & { readonly unseen: number } = { unseen: 0 };

/** A peer that is silent for longer on a working channel is gone, milliseconds. */
const rowTtlMs = 3000;
/** Signals older than this are unknown. */
const signalTtlMs = 3000;
/** An engine's count that is above ours by no more than this says nothing: the two are not taken at one instant. */
const unseenSlack = { requests: 2, share: 0.1 } as const;

/**
 * What is under way on replicas: the load that each router reports, and their own signals. Times are monotonic
 * milliseconds and come in with each call; the table waits for nothing.
 *
 * Prefill falls by itself: a replica computes one second of it per second, whoever booked it, in the order in which it was
 * booked. So what a router books stands at the end of the line of that moment, and is the last that is left of that line;
 * what it gives back shows that the rest of its own is still to come.
 */
export class ReplicaTable {
  /** Work that flows were served. */
  readonly flows: FlowWork;
  readonly #owner: Pick<LedgerRow, 'router' | 'epoch'>;
  readonly #own = new Map<string, Booked>();
  #seq = 0;
  readonly #peers = new Map<string, Peer>();
  readonly #signals = new Map<string, Heard<ReplicaSignals & { readonly unseen: number }>>();
  #channelUp = false;
  #channelUpSince = 0;

  constructor({ router, epoch }: Pick<LedgerRow, 'router' | 'epoch'>) {
    this.#owner = { router, epoch };
    this.flows = new FlowWork({ router, epoch });
  }

  /** Adds to this router's own load on a replica; negative figures give back. It counts at once. */
  change(replica: string, by: ReplicaLoad, now: number): void {
    const known = this.#own.get(replica);
    const load = addLoad(known?.load ?? noLoad, by);
    const added = by.prefillSecondsLeft;
    let doneAt = known?.doneAt ?? now;
    if (added > 0) doneAt = now + 1000 * (this.#load(replica, now).prefillSecondsLeft + added);
    if (added < 0) doneAt = Math.max(doneAt, now + 1000 * load.prefillSecondsLeft);
    // Without a request there is no load; this also ends what rounding has left.
    if (load.inFlight <= 0) this.#own.delete(replica);
    else this.#own.set(replica, { load, doneAt });
    this.#seq++;
  }

  /** What this router has booked on a replica and not given back. */
  ownLoad(replica: string): ReplicaLoad {
    return this.#own.get(replica)?.load ?? noLoad;
  }

  /** This router's row, to be published after changes. */
  row(now: number): LedgerRow {
    const replicas = Object.fromEntries(
      [...this.#own].map(([replica, { load, doneAt }]) => {
        const prefillDoneIn = Math.max(0, (doneAt - now) / 1000);
        return [
          replica,
          { ...load, prefillSecondsLeft: leftOf(load.prefillSecondsLeft, prefillDoneIn), prefillDoneIn },
        ];
      }),
    );
    return { ...this.#owner, seq: this.#seq, replicas };
  }

  /**
   * Takes a row from the channel, whose figures were taken `ageMs` ago; an older one or a repeat changes nothing but when
   * its owner was heard.
   */
  receive(row: LedgerRow, now: number, ageMs: number): void {
    if (row.router === this.#owner.router) return;
    const known = this.#peers.get(row.router);
    if (known === undefined || (row.epoch - known.row.epoch || row.seq - known.row.seq) > 0)
      this.#peers.set(row.router, { row, takenAt: now - ageMs, heardAt: now });
    else if (row.epoch === known.row.epoch) this.#peers.set(row.router, { ...known, heardAt: now });
  }

  /**
   * Whether the channel works, that is, whether this router hears itself. While it does not, peers' rows stay; and a peer's
   * silence counts only from one time that it was seen to work to another: a router that stood still hears late.
   */
  setChannelUp(up: boolean, now: number): void {
    if (up && this.#channelUp) this.#expire(now);
    if (up && !this.#channelUp) this.#channelUpSince = now;
    this.#channelUp = up;
  }

  /** Takes what was scraped from a replica; what is left out is unknown. */
  setSignals(replica: string, signals: ReplicaSignals, now: number): void {
    const { running = 0, waiting = 0 } = signals;
    const { inFlight } = this.#load(replica, now);
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
    return Object.assign(this.#load(replica, now), this.#signalsOf(replica, now));
  }

  /** Fills the same in for many: it is done for all replicas at every pick. */
  measure(rooms: readonly LoadRoom[], now: number): void {
    for (const room of rooms) {
      this.#fillOwn(room, room.id, now);
      const signals = this.#signalsOf(room.id, now);
      room.unseen = signals.unseen;
      room.signals = signals;
    }
    for (const peer of this.#peers.values()) for (const room of rooms) addPeer(room, room.id, { peer, now });
  }

  /** Other routers whose rows are part of the load. */
  peers(): LedgerRow[] {
    return [...this.#peers.values()].map(({ row }) => row);
  }

  #signalsOf(replica: string, now: number): typeof silent {
    const heard = this.#signals.get(replica);
    return heard !== undefined && now - heard.at <= signalTtlMs ? heard.value : silent;
  }

  #load(replica: string, now: number): ReplicaLoad {
    const sum = { ...noLoad };
    this.#fillOwn(sum, replica, now);
    for (const peer of this.#peers.values()) addPeer(sum, replica, { peer, now });
    return sum;
  }

  #fillOwn(sum: LoadSum, replica: string, now: number): void {
    const own = this.#own.get(replica);
    const { inFlight, prefillSecondsLeft, privateContextTokens, reservedOutputTokens, coldPrompts } =
      own?.load ?? noLoad;
    sum.inFlight = inFlight;
    sum.prefillSecondsLeft = own === undefined ? 0 : leftOf(prefillSecondsLeft, (own.doneAt - now) / 1000);
    sum.privateContextTokens = privateContextTokens;
    sum.reservedOutputTokens = reservedOutputTokens;
    // A prompt that should be computed by now is in nobody's way, whatever has become of it.
    sum.coldPrompts = sum.prefillSecondsLeft > 0 ? coldPrompts : 0;
  }

  #expire(now: number): void {
    for (const [router, { heardAt }] of this.#peers)
      if (now - Math.max(heardAt, this.#channelUpSince) > rowTtlMs) this.#peers.delete(router);
  }
}

function addPeer(sum: LoadSum, replica: string, { peer, now }: { peer: Peer; now: number }): void {
  const load = peer.row.replicas[replica];
  if (load === undefined) return;
  sum.inFlight += load.inFlight;
  const left = leftOf(load.prefillSecondsLeft, load.prefillDoneIn - (now - peer.takenAt) / 1000);
  sum.prefillSecondsLeft += left;
  sum.privateContextTokens += load.privateContextTokens;
  sum.reservedOutputTokens += load.reservedOutputTokens;
  if (left > 0) sum.coldPrompts += load.coldPrompts;
}

/** What is left of some prefill that is computed in so many seconds, after what stands before it. */
function leftOf(booked: number, doneIn: number): number {
  return Math.max(0, Math.min(booked, doneIn));
}
