import type { PoolDocument } from '#shared/contract/replica.ts';
import { noMatch } from '../replicas/prefix-index.ts';
import type { ReplicaState } from '../replicas/replica-view.ts';
import { Bookings, type BookingsParts, type Choice } from './bookings.ts';
import { Comebacks } from './comebacks.ts';
import { Newcomers } from './newcomers.ts';
import { noScores } from './pick-scores.ts';
import { pick } from './pick.ts';
import type { Slot, Work } from './picker.ts';
import type { Placer, PoolState } from './placer.ts';
import { PoolCandidates } from './pool-candidates.ts';
import { warmMost } from './policies/candidate.ts';
import type { Candidate } from './policies/policy.ts';
import type { ColdGate, Look } from './wait/cold-gate.ts';
import { briefSeconds, coldSeconds, greedyMost } from './wait/cold-slots.ts';

/** The state that a pick decides from and writes to; all of it is in memory. */
export type PickerParts = Omit<BookingsParts, 'view'>;

/** Picks by `pick` and books: no await between looking and booking, so that no two requests race. */
export class ReplicaPicker implements Placer {
  readonly #parts: PickerParts;
  /** What is under way. */
  readonly bookings: Bookings;
  #picks = 0;
  /** Number of the last pick of each replica. */
  readonly #lastPicks = new Map<string, number>();
  readonly #newcomers = new Newcomers();
  readonly #candidates = new Map<string, PoolCandidates>();
  readonly #comebacks = new Comebacks();

  constructor(parts: PickerParts) {
    this.#parts = parts;
    const view = (id: string, now: number): readonly ReplicaState[] => {
      const pool = parts.pools.get(id);
      return pool === undefined ? [] : this.view(pool, now);
    };
    this.bookings = new Bookings({ ...parts, view });
  }

  stateOf(pool: string): PoolState {
    const known = this.#parts.pools.get(pool);
    if (known === undefined) return 'removed';
    if (known.deleting === true) return 'deleting';
    return known.replicas.some(({ state }) => state === 'ready') ? 'serving' : 'starting';
  }

  startOf(pool: string): PoolDocument | undefined {
    return this.#parts.pools.get(pool);
  }

  place(work: Work, { tried, excluded, gate }: Parameters<Placer['place']>[1]): Slot | undefined {
    const pool = this.#parts.pools.get(work.pool);
    if (pool === undefined) return undefined;
    const choice =
      work.only === undefined ? this.#pick(pool, work, { excluded, gate }) : named(pool, work.only, excluded);
    return choice && this.bookings.book(pool, { work, tried }, choice);
  }

  /** What is under way on each replica of a pool that could take a request. */
  loads(id: string, now: number): ReplicaState[] {
    const pool = this.#parts.pools.get(id);
    const view = pool === undefined ? [] : this.view(pool, now);
    return view.filter(({ condition, doubt }) => condition === 'ready' && doubt < Infinity);
  }

  /** Forgets all replicas but these. */
  keep(replicas: { has(replica: string): boolean }): void {
    for (const replica of this.#lastPicks.keys()) if (!replicas.has(replica)) this.#lastPicks.delete(replica);
    this.#newcomers.keep(replicas);
    this.#comebacks.keep(this.#parts.pools);
    for (const pool of this.#candidates.keys())
      if (this.#parts.pools.get(pool) === undefined) this.#candidates.delete(pool);
    this.bookings.keep(replicas);
  }

  /** What is known of a pool's replicas now; it is over when anybody looks at the pool again. */
  view(pool: PoolDocument, now: number): readonly ReplicaState[] {
    return this.#candidatesOf(pool).look(now);
  }

  #pick(
    pool: PoolDocument,
    work: Work,
    { excluded, gate }: { excluded: ReadonlySet<string>; gate: ColdGate | undefined },
  ): Choice | undefined {
    const now = this.#parts.clock.monotonic();
    const known = this.#candidatesOf(pool);
    const { candidates, matches } = known.suit(work, { excluded, now });
    const picked = pick(work, candidates);
    if (picked === undefined) return undefined;
    const { replica: id, reason, scores } = picked;
    const at = candidates.findIndex((one) => one.id === id);
    const look = this.#lookAt(work, candidates[at], now);
    if (gate !== undefined && look !== undefined && !gate.opens(look)) return undefined;
    this.#comebacks.note(pool.pool, reason === 'affinity' || reason === 'affinity_overloaded');
    this.#lastPicks.set(id, ++this.#picks);
    if (reason === 'soonest' || reason === 'session') this.#newcomers.add(pool.pool, id);
    const replica = known.replica(id);
    const isCold = look?.isCold === true;
    return replica && { replica, reason, scores, match: matches[at] ?? noMatch, isCold };
  }

  /**
   * Undefined where requests are not held: under rules that do not predict, before the pace of the pool is known, and where
   * nobody comes back to what caches hold.
   */
  #lookAt({ pool, policy = 'affinity', flow }: Work, chosen: Candidate | undefined, now: number): Look | undefined {
    if (chosen?.cost === undefined || policy !== 'affinity' || !this.#comebacks.areMany(pool)) return undefined;
    const { fill } = chosen.cost;
    // What every request takes, however short its prompt, is in nobody's way.
    const own = chosen.cost.own - chosen.slowness * this.#parts.pace.secondsPerRequest(pool);
    const isGreedy = own > briefSeconds && this.#parts.table.flows.isGreedy(flow, now);
    const fits = fill <= (isGreedy ? greedyMost : warmMost);
    return { own, isCold: own > coldSeconds, isGreedy, fits };
  }

  #candidatesOf(pool: PoolDocument): PoolCandidates {
    const known = this.#candidates.get(pool.pool);
    if (known?.pool === pool) return known;
    const made = new PoolCandidates(pool, this.#parts, {
      lastPick: (replica) => this.#lastPicks.get(replica) ?? 0,
      newcomers: (replica) => this.#newcomers.of(pool.pool, replica),
    });
    this.#candidates.set(pool.pool, made);
    return made;
  }
}

/** The replica that is named, in any state. */
function named(pool: PoolDocument, replicaId: string, excluded: ReadonlySet<string>): Choice | undefined {
  const replica = pool.replicas.find((one) => one.replicaId === replicaId);
  return replica && !excluded.has(replicaId)
    ? { replica, reason: 'named', scores: noScores, match: noMatch, isCold: false }
    : undefined;
}
