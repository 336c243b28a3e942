import type { PoolDocument } from '#shared/contract/replica.ts';
import type { PrefixMatch } from '../replicas/prefix-index.ts';
import type { ReplicaState } from '../replicas/replica-view.ts';
import { cacheExpecter } from './booking.ts';
import { Bookings, type BookingsParts, type Choice } from './bookings.ts';
import { Newcomers } from './newcomers.ts';
import { pick, type PickResult } from './pick.ts';
import type { Slot, Work } from './picker.ts';
import type { Gate, Look, Placer, PoolState } from './placer.ts';
import { candidateOf } from './policies/candidate.ts';
import type { Candidate } from './policies/policy.ts';

/** The state that a pick decides from and writes to; all of it is in memory. */
export type PickerParts = Omit<BookingsParts, 'view'>;

const noMatch: PrefixMatch = { block: -1, promptTokens: 0, outputTokens: 0, holdsEarlier: false };

/** Picks by `pick` and books: no await between looking and booking, so that no two requests race. */
export class ReplicaPicker implements Placer {
  readonly #parts: PickerParts;
  /** What is under way. */
  readonly bookings: Bookings;
  #picks = 0;
  /** Number of the last pick of each replica. */
  readonly #lastPicks = new Map<string, number>();
  readonly #newcomers = new Newcomers();

  constructor(parts: PickerParts) {
    this.#parts = parts;
    const view = (id: string, now: number): ReplicaState[] => {
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

  /** Seconds of prefill that are before that of a request that came now, of each replica that could take one. */
  waits(id: string, now: number): Map<string, number> {
    const pool = this.#parts.pools.get(id);
    const view = pool === undefined ? [] : this.view(pool, now);
    const open = view.filter(({ condition, doubt }) => condition === 'ready' && doubt < Infinity);
    return new Map(open.map((state) => [state.id, state.prefillSecondsLeft]));
  }

  /** Forgets all replicas but these. */
  keep(replicas: { has(replica: string): boolean }): void {
    for (const replica of this.#lastPicks.keys()) if (!replicas.has(replica)) this.#lastPicks.delete(replica);
    this.#newcomers.keep(replicas);
    this.bookings.keep(replicas);
  }

  /** What is known of a pool's replicas now. */
  view(pool: PoolDocument, now: number): ReplicaState[] {
    const { table, health } = this.#parts;
    return pool.replicas.map(({ replicaId: id, state }) =>
      Object.assign(table.load(id, now), { id, condition: state, doubt: health.doubt(id, now) }),
    );
  }

  #pick(
    pool: PoolDocument,
    work: Work,
    { excluded, gate }: { excluded: ReadonlySet<string>; gate: Gate | undefined },
  ): Choice | undefined {
    const now = this.#parts.clock.monotonic();
    const ahead = (id: string): number => gate?.ahead(id) ?? 0;
    const open = this.view(pool, now)
      .filter(({ id }) => !excluded.has(id))
      .map((state) => Object.assign(state, { prefillSecondsLeft: state.prefillSecondsLeft + ahead(state.id) }));
    const matches = this.#parts.index.match(
      open.map(({ id }) => id),
      work.prompt,
    );
    const picked = pick(work, this.#candidates(pool, work, { open, matches, now }));
    if (picked === undefined) return undefined;
    const { replica: id, reason } = picked;
    const look = lookOf(work, picked);
    if (gate !== undefined && look !== undefined && !gate.opens(look)) return undefined;
    this.#lastPicks.set(id, ++this.#picks);
    if (reason === 'soonest' || reason === 'session') this.#newcomers.add(pool.pool, id);
    const replica = pool.replicas.find(({ replicaId }) => replicaId === id);
    return replica && { replica, reason, scores: picked.scores, match: matches.get(id) ?? noMatch };
  }

  #candidates(
    pool: PoolDocument,
    work: Work,
    { open, matches, now }: { open: readonly ReplicaState[]; matches: Map<string, PrefixMatch>; now: number },
  ): Candidate[] {
    const { bytesPerToken, pace, speeds, index } = this.#parts;
    const expect = cacheExpecter(bytesPerToken, work);
    return open.map((state) => {
      const { id, residentAdapters } = state;
      const match = matches.get(id) ?? noMatch;
      const { predictedCachedTokens, privateContextTokens, prefill } = expect(match);
      const slowness = speeds.slownessOf(id, now);
      const own = pace.secondsFor(pool.pool, prefill);
      return candidateOf(state, {
        matchedBlock: match.block,
        cachedTokens: predictedCachedTokens,
        newTokens: privateContextTokens,
        // An engine that has not counted its cache yet says 0.
        kvTokens: state.kvTokens || pool.engine.kvTokens,
        warmShare: index.warmShare(id),
        slowness,
        lacksAdapter: work.adapter !== undefined && residentAdapters?.includes(work.adapter) === false,
        ownSeconds: own === undefined ? undefined : own * slowness,
        lastPick: this.#lastPicks.get(id) ?? 0,
        newcomers: this.#newcomers.of(pool.pool, id),
      });
    });
  }
}

/** Undefined where requests are not held: under rules that do not predict, and before the pace of the pool is known. */
function lookOf({ policy = 'affinity' }: Work, { replica, scores }: PickResult): Look | undefined {
  const cost = scores.find((one) => one.replica === replica)?.cost;
  return cost === undefined || policy !== 'affinity' ? undefined : { replica, wait: cost.wait, own: cost.own };
}

/** The replica that is named, in any state. */
function named(pool: PoolDocument, replicaId: string, excluded: ReadonlySet<string>): Choice | undefined {
  const replica = pool.replicas.find((one) => one.replicaId === replicaId);
  return replica && !excluded.has(replicaId) ? { replica, reason: 'named', scores: [], match: noMatch } : undefined;
}
