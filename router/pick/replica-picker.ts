import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { BytesPerToken } from '../replicas/bytes-per-token.ts';
import type { KeptAnswer } from '../replicas/kept-answers.ts';
import { processOf, type KnownPools } from '../replicas/known-pools.ts';
import type { PrefixIndex, PrefixMatch, PrefixNews } from '../replicas/prefix-index.ts';
import { addLoad, negated, noLoad, type ReplicaLoad, type ReplicaState } from '../replicas/replica-view.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { Lingering } from './lingering.ts';
import { OpenAttempts, type OpenAttempt, type OpenAttemptsParts } from './open-attempts.ts';
import { pick, type PickReason } from './pick.ts';
import type { Slot, Work } from './picker.ts';
import type { Placer, PoolState } from './pool-wait.ts';
import { BookedSlot } from './slot.ts';
import type { Tried } from './tried.ts';

/** The state that a pick decides from and writes to; all of it is in memory. */
export interface PickerParts extends Omit<OpenAttemptsParts, 'view'> {
  readonly pools: KnownPools;
  readonly index: PrefixIndex;
  readonly bytesPerToken: BytesPerToken;
  readonly clock: Clock;
  /** This router's row has changed: the others should know soon. */
  readonly rowChanged: () => void;
  readonly announce: (news: PrefixNews) => void;
  readonly kept: (key: string, answer: KeptAnswer) => void;
  /** Predicted and reported cache hits of one answer, tokens. */
  readonly hitsKnown: (predicted: number, reported: number) => void;
  /** A slot of the pool was given back. */
  readonly released: (pool: string) => void;
  /** Replicas of some pool stand in another light. */
  readonly changed: () => void;
}

interface Choice {
  readonly replica: PoolReplica;
  readonly reason: PickReason | 'named';
  readonly match: PrefixMatch;
}

/** One attempt under way. */
interface Booking extends OpenAttempt {
  readonly pool: PoolDocument;
  /** What of it is in the table; its prefill is given back as soon as it is over. */
  load: ReplicaLoad;
  readonly match: PrefixMatch;
  /** What the replica should hold of the prompt, and of the one that it goes on from. */
  readonly matchedTokens: number;
  readonly predictedCachedTokens: number;
  /** It tries a replica in doubt. */
  readonly isProbe: boolean;
  left: boolean;
}

const noMatch: PrefixMatch = { block: -1, promptTokens: 0, outputTokens: 0, holdsEarlier: false };
/** A prediction that falls short by less than this says nothing: engines cache whole blocks only. */
const missTokens = 1024;

/** Picks by `pick` and books: no await between looking and booking, so that no two requests race. */
export class ReplicaPicker implements Placer {
  readonly #parts: PickerParts;
  readonly #lingering: Lingering;
  readonly #open: OpenAttempts;

  constructor(parts: PickerParts) {
    this.#parts = parts;
    this.#lingering = new Lingering(parts.table);
    const view = (id: string, now: number): ReplicaState[] => {
      const pool = parts.pools.get(id);
      return pool === undefined ? [] : this.view(pool, now);
    };
    this.#open = new OpenAttempts({ ...parts, view });
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

  place(work: Work, tried: Tried, excluded: ReadonlySet<string>): Slot | undefined {
    const pool = this.#parts.pools.get(work.pool);
    if (pool === undefined) return undefined;
    const choice = work.only === undefined ? this.#pick(pool, work, excluded) : named(pool, work.only, excluded);
    return choice && this.#book(pool, { work, tried }, choice);
  }

  /** What is known of a pool's replicas now. */
  view(pool: PoolDocument, now: number): ReplicaState[] {
    const { table, health } = this.#parts;
    return pool.replicas.map(({ replicaId: id, state }) =>
      Object.assign(table.load(id, now), { id, condition: state, doubt: health.doubt(id, now) }),
    );
  }

  /** An engine told how many requests it has, at a look that began at `startedAt`. */
  counted(replica: string, requests: number, startedAt: number): void {
    const { clock, rowChanged } = this.#parts;
    if (this.#lingering.counted(replica, requests, { startedAt, now: clock.monotonic() })) rowChanged();
  }

  /** When the oldest attempt on a replica began; work that a client left behind is not among them. */
  oldestOn(replica: string): number | undefined {
    return this.#open.oldestOn(replica);
  }

  /** Forgets all replicas but these. */
  keep(replicas: { has(replica: string): boolean }): void {
    this.#open.keep(replicas);
  }

  /** Time has passed: tells requests that had better go elsewhere, and gives back what has lingered for long enough. */
  tick(now: number): void {
    this.#open.tick(now);
    if (this.#lingering.expire(now)) this.#parts.rowChanged();
  }

  #pick(pool: PoolDocument, work: Work, excluded: ReadonlySet<string>): Choice | undefined {
    const { index, clock } = this.#parts;
    const now = clock.monotonic();
    const open = this.view(pool, now).filter(({ id }) => !excluded.has(id));
    const matches = index.match(
      open.map(({ id }) => id),
      work.prompt,
    );
    const view = open.map((state) => Object.assign(state, { matchedBlock: (matches.get(state.id) ?? noMatch).block }));
    const picked = pick(work, view, now);
    if (picked === undefined) return undefined;
    const replica = pool.replicas.find(({ replicaId }) => replicaId === picked.replica);
    return replica && { replica, reason: picked.reason, match: matches.get(picked.replica) ?? noMatch };
  }

  #book(
    pool: PoolDocument,
    { work, tried }: { work: Work; tried: Tried },
    { replica, reason, match }: Choice,
  ): BookedSlot {
    const { bytesPerToken, health, clock } = this.#parts;
    const { replicaId } = replica;
    const startedAt = clock.monotonic();
    const { prompt } = work;
    const byRates = (block: number): number => bytesPerToken.tokensUpTo(pool.pool, prompt, block);
    const earlierBytes = work.continues?.bytes ?? 0;
    const ownBytes = (prompt.bytesUpTo.at(-1) ?? 0) - (prompt.bytesUpTo[match.block] ?? 0);
    const uncachedBytes = ownBytes + (match.holdsEarlier ? 0 : earlierBytes);
    const earlierTokens = match.holdsEarlier ? earlierBytes / bytesPerToken.of(pool.pool) : 0;
    // What the engine has counted is better than what so many bytes should be.
    const matchedTokens = match.promptTokens || earlierTokens + byRates(match.block);
    const comeback = bytesPerToken.comebackOf(pool.pool, match.outputTokens);
    const predictedCachedTokens = Math.round(matchedTokens + comeback);
    const isProbe = work.only === undefined && health.booked(replicaId, startedAt);
    const booking: Booking = {
      pool,
      work,
      tried,
      replica,
      match,
      matchedTokens,
      predictedCachedTokens,
      startedAt,
      uncachedBytes,
      isProbe,
      load: noLoad,
      left: false,
      move: (reason) => slot.move(reason),
      computed: () => this.#computed(booking),
    };
    const prefillSecondsLeft = this.#open.add(booking);
    const privateContextTokens = Math.round(byRates(prompt.keys.length - 1) - byRates(match.block));
    const load = { inFlight: 1, prefillSecondsLeft, privateContextTokens, reservedOutputTokens: work.maxTokens };
    this.#change(booking, load);
    const slot: BookedSlot = this.#slot(booking, { replica, reason, predictedCachedTokens });
    return slot;
  }

  #slot(booking: Booking, place: Pick<Slot, 'replica' | 'reason' | 'predictedCachedTokens'>): BookedSlot {
    return new BookedSlot(place, {
      accepted: () => this.#accepted(booking),
      began: () => {
        this.#open.began(booking, this.#parts.clock.monotonic());
        this.#computed(booking);
      },
      heard: () => {
        this.#parts.health.heard(booking.replica.replicaId);
        this.#open.heard(booking, this.#parts.clock.monotonic());
      },
      kept: (key) => this.#parts.kept(key, this.#keptBy(booking)),
      ended: (end) => this.#ended(booking, end),
      release: () => {
        this.#open.delete(booking);
        this.#release(booking);
      },
    });
  }

  /** The root is that of the first turn; what was answered before is a part of the conversation. */
  #keptBy({ pool, replica, match, work: { prompt, continues } }: Booking): KeptAnswer {
    const { keys, bytesUpTo, firstUserEnd } = prompt;
    const answered = match.holdsEarlier ? match.outputTokens * this.#parts.bytesPerToken.of(pool.pool) : 0;
    return {
      replica: replica.replicaId,
      process: processOf(replica),
      root: continues?.root ?? keys[firstUserEnd] ?? 0n,
      tip: keys.at(-1) ?? 0n,
      bytes: Math.round((continues?.bytes ?? 0) + answered + (bytesUpTo.at(-1) ?? 0)),
    };
  }

  /** The table gets this load in the place of the one that the attempt had. */
  #change(booking: Booking, load: ReplicaLoad): void {
    const { table, rowChanged } = this.#parts;
    table.change(booking.replica.replicaId, addLoad(load, negated(booking.load)));
    booking.load = load;
    rowChanged();
  }

  #computed(booking: Booking): void {
    if (booking.load.prefillSecondsLeft > 0) this.#change(booking, { ...booking.load, prefillSecondsLeft: 0 });
  }

  /** The engine has the prompt now; and what another replica said to it was that replica's fault. */
  #accepted({ work, tried, replica, startedAt }: Booking): void {
    const { health, index, announce, clock, changed, pools } = this.#parts;
    if (!pools.has(replica)) return;
    const { replicaId } = replica;
    const now = clock.monotonic();
    health.accepted(replicaId, { startedAt, now });
    const faulted = tried.takeFaulted();
    for (const [other, since] of faulted) health.failed(other, 'fault', { startedAt: since, now });
    if (faulted.length > 0) changed();
    if (work.only === undefined && work.prompt.keys.length > 0) announce(index.insert(replicaId, work.prompt));
  }

  #ended(booking: Booking, end: SlotEnd): void {
    const { health, index, clock, changed, pools } = this.#parts;
    const { tried, startedAt, work, replica } = booking;
    const { replicaId } = replica;
    tried.note(replicaId, end, startedAt);
    if (end.kind === 'left') booking.left = true;
    // What was met at a place that the replica has left says nothing of it.
    if (!pools.has(replica)) return;
    if (end.kind === 'answered') {
      health.answered(replicaId, startedAt);
      if (end.usage !== undefined && work.only === undefined) this.#learnUsage(booking, end.usage);
    }
    if (end.kind !== 'failed') return;
    const now = clock.monotonic();
    const counts = health.failed(replicaId, end.failure, { startedAt, now });
    const isAway = end.failure === 'connect' || end.failure === 'unauthorized';
    // A process that is gone has taken its cache with it.
    if (counts && isAway && health.doubt(replicaId, now) === Infinity) index.clear(replicaId);
    changed();
  }

  #release(booking: Booking): void {
    const { replica, pool, isProbe, left, load } = booking;
    const { released, health, clock } = this.#parts;
    if (isProbe) health.probeOver(replica.replicaId);
    if (left && pool.engine.goesOnWithoutClient === true)
      this.#lingering.add(replica.replicaId, load, clock.monotonic());
    else this.#change(booking, noLoad);
    released(pool.pool);
  }

  #learnUsage(booking: Booking, usage: NonNullable<Extract<SlotEnd, { kind: 'answered' }>['usage']>): void {
    const { bytesPerToken, index, announce, hitsKnown } = this.#parts;
    const { pool, work, match, matchedTokens, predictedCachedTokens } = booking;
    const { replicaId } = booking.replica;
    // What was said before is counted by the engine, and its kinds are not known here.
    const isWhole = work.continues === undefined;
    if (isWhole && bytesPerToken.learn(pool.pool, work.prompt, usage.promptTokens))
      for (const one of pool.replicas) index.resize(one.replicaId, bytesPerToken.capacityOf(pool));
    const tip = work.prompt.keys.at(-1);
    const bytes = Math.round(usage.completionTokens * bytesPerToken.of(pool.pool));
    if (tip !== undefined && usage.completionTokens > 0)
      announce(
        index.finish(replicaId, tip, { promptTokens: usage.promptTokens, tokens: usage.completionTokens, bytes }),
      );
    if (usage.cachedTokens === undefined) return;
    hitsKnown(predictedCachedTokens, usage.cachedTokens);
    const behindPrompt = usage.cachedTokens - matchedTokens;
    if (match.outputTokens > 0) bytesPerToken.learnComeback(pool.pool, match.outputTokens, behindPrompt);
    // The engine has evicted what the mirror still holds: the mirror's oldest tenth goes.
    const missing = predictedCachedTokens - usage.cachedTokens;
    if (missing > missTokens && usage.cachedTokens < predictedCachedTokens / 2)
      index.evict(replicaId, Math.round(0.9 * bytesPerToken.capacityOf(pool)));
  }
}

/** The replica that is named, in any state. */
function named(pool: PoolDocument, replicaId: string, excluded: ReadonlySet<string>): Choice | undefined {
  const replica = pool.replicas.find((one) => one.replicaId === replicaId);
  return replica && !excluded.has(replicaId) ? { replica, reason: 'named', match: noMatch } : undefined;
}
