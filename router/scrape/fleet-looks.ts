import type { PoolReplica } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { LedgerChannel } from '../ledger/ledger-channel.ts';
import type { LedgerMessage } from '../ledger/ledger-message.ts';
import type { Scraped } from '../pick/brain.ts';
import { processOf } from '../replicas/known-pools.ts';
import { rendezvousWeight } from '../replicas/rendezvous.ts';
import { hashText } from '../scan/hash64.ts';

/** A router among others, and what it thinks of replicas. */
export interface FleetLooksOptions {
  readonly router: string;
  readonly everyMs: number;
  readonly channel: LedgerChannel;
  /** Other routers that are alive. */
  readonly peers: () => readonly string[];
  /** Replicas of which this router believes only what it sees itself. */
  readonly doubts: (replica: string) => boolean;
  /** Takes what another router has seen. */
  readonly heard: (result: Scraped) => void;
  readonly clock: Clock;
}

interface Look {
  readonly replica: PoolReplica;
  /** Begin of this router's last look, and of the newest one that it knows of. */
  ownAt: number;
  knownAt: number;
  /** Something has happened since that this router should see for itself. */
  isWanted: boolean;
}

/** An owner is waited for so long after its next look is due, as a share of the time between two. */
const grace = 0.6;
/** What is older than so many times between two looks is no news. */
const staleAfter = 2;

/**
 * Shares looks out among routers: a replica's owner, the live router with the highest rendezvous weight, looks at it and
 * tells the others, which look themselves when it is late, when they are cut off, and wherever news are bad or this
 * router has met a failure: a good look is believed of anybody, a bad one is seen by each router's own eyes.
 */
export class FleetLooks implements Disposable {
  readonly #options: FleetLooksOptions;
  readonly #unsubscribe: () => void;
  #looks = new Map<string, Look>();

  constructor(options: FleetLooksOptions) {
    this.#options = options;
    this.#unsubscribe = options.channel.subscribe((message) => this.#hear(message));
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  /** Takes all replicas anew; a process that is new in its place has not been looked at. */
  keep(replicas: readonly PoolReplica[]): void {
    const before = this.#looks;
    this.#looks = new Map(
      replicas.map((replica) => {
        const known = before.get(replica.replicaId);
        const isSame = known !== undefined && processOf(known.replica) === processOf(replica);
        return [replica.replicaId, isSame ? known : { replica, ownAt: -Infinity, knownAt: -Infinity, isWanted: false }];
      }),
    );
  }

  /** Whether this router looks after a replica: alone, or for the others. */
  isMine(replica: string): boolean {
    const { router, channel, peers } = this.#options;
    if (!channel.up()) return true;
    const key = hashText(replica, 0n);
    const own = rendezvousWeight(router, key);
    return peers().every((peer) => rendezvousWeight(peer, key) < own);
  }

  /** Whether this router should look at a replica now. */
  isDue(replica: string): boolean {
    const look = this.#looks.get(replica);
    if (look === undefined) return false;
    const { everyMs, clock, doubts } = this.#options;
    const now = clock.monotonic();
    if (look.isWanted || doubts(replica)) return now - look.ownAt >= everyMs;
    const since = now - look.knownAt;
    return since >= everyMs && (since >= everyMs * (1 + grace) || this.isMine(replica));
  }

  /** Something has happened to a replica that the next look is to tell. */
  want(replica: string): void {
    const look = this.#looks.get(replica);
    if (look !== undefined) Object.assign(look, { isWanted: true, ownAt: -Infinity });
  }

  /** When a replica was last looked at from here, monotonic milliseconds. */
  ownAt(replica: string): number {
    return this.#looks.get(replica)?.ownAt ?? -Infinity;
  }

  /** This router's look at a replica begins. */
  begin(replica: string): void {
    const look = this.#looks.get(replica);
    if (look === undefined) return;
    look.ownAt = this.#options.clock.monotonic();
    look.knownAt = look.ownAt;
    look.isWanted = false;
  }

  /** Tells the others what this router has seen; a look that failed by itself has seen nothing. */
  found({ replica, startedAt, health, signals, cache }: Scraped): void {
    const { router, channel, peers, clock } = this.#options;
    if (health === 'unknown' || peers().length === 0) return;
    channel.publish({
      kind: 'look',
      from: router,
      replica: replica.replicaId,
      process: processOf(replica),
      ageMs: clock.monotonic() - startedAt,
      health,
      signals,
      ...(cache !== undefined && { cache }),
    });
  }

  #hear(message: LedgerMessage): void {
    if (message.kind !== 'look') return;
    const look = this.#looks.get(message.replica);
    if (look === undefined || processOf(look.replica) !== message.process) return;
    const { everyMs, clock, doubts, heard } = this.#options;
    const startedAt = clock.monotonic() - message.ageMs;
    if (startedAt <= look.knownAt || message.ageMs > staleAfter * everyMs) return;
    const { signals, cache } = message;
    if (message.health !== 'healthy') {
      look.isWanted = true;
      return;
    }
    look.knownAt = startedAt;
    const health = doubts(message.replica) ? 'unknown' : message.health;
    heard({ replica: look.replica, startedAt, health, signals, ...(cache !== undefined && { cache }) });
  }
}
