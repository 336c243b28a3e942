import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { KeptAnswer } from '../replicas/kept-answers.ts';
import { processOf, type KnownPools } from '../replicas/known-pools.ts';
import type { PrefixMatch } from '../replicas/prefix-index.ts';
import { addLoad, negated, noLoad, type ReplicaLoad } from '../replicas/replica-view.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { cacheExpecter, type Booking } from './booking.ts';
import { learnUsage, type UsageParts } from './learn-usage.ts';
import { Lingering } from './lingering.ts';
import { OpenAttempts, type OpenAttemptsParts } from './open-attempts.ts';
import type { Slot, Work } from './picker.ts';
import { BookedSlot } from './slot.ts';
import type { Tried } from './tried.ts';

/** What attempts are booked in, and who is told. */
export interface BookingsParts extends OpenAttemptsParts, UsageParts {
  readonly pools: KnownPools;
  readonly clock: Clock;
  /** This router's row has changed: the others should know soon. */
  readonly rowChanged: () => void;
  readonly kept: (key: string, answer: KeptAnswer) => void;
  /** A slot of the pool was given back. */
  readonly released: (pool: string) => void;
  /** A replica has computed a prompt: others that are held may go. */
  readonly computed: () => void;
  /** Replicas of some pool stand in another light. */
  readonly changed: () => void;
}

/** Where an attempt goes. */
export interface Choice {
  readonly replica: PoolReplica;
  readonly reason: string;
  readonly scores: Slot['scores'];
  readonly match: PrefixMatch;
  /** Its conversation is not in the cache any more. */
  readonly isCold: boolean;
}

/** Work of an output token beside that of an uncached prompt token (VTC, Sheng et al. 2024). */
const outputWeight = 2;

/** What is being computed is used all the time, which the index is told so often, milliseconds: its cache does not go. */
const useAgainMs = 5000;

/** The books of all attempts under way: what each of them takes of its replica, and what its end teaches. */
export class Bookings {
  readonly #parts: BookingsParts;
  readonly #lingering: Lingering;
  readonly #open: OpenAttempts;
  /** Those whose prompts are in the index. */
  readonly #indexed = new Set<Booking>();
  #usedAt = 0;

  constructor(parts: BookingsParts) {
    this.#parts = parts;
    this.#lingering = new Lingering(parts.table);
    this.#open = new OpenAttempts(parts);
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
    this.#useAgain(now);
    if (this.#lingering.expire(now)) this.#parts.rowChanged();
  }

  #useAgain(now: number): void {
    const { index, announce } = this.#parts;
    if (now - this.#usedAt < useAgainMs) return;
    this.#usedAt = now;
    for (const { replica, work, startedAt } of this.#indexed)
      if (now - startedAt >= useAgainMs) announce(index.insert(replica.replicaId, work.prompt));
  }

  /** Books an attempt at once. */
  book(pool: PoolDocument, { work, tried }: { work: Work; tried: Tried }, choice: Choice): Slot {
    const { bytesPerToken, health, clock } = this.#parts;
    const { replica, reason, scores, match, isCold } = choice;
    const startedAt = clock.monotonic();
    const expected = cacheExpecter(bytesPerToken, work)(match);
    const booking: Booking = {
      ...expected,
      pool,
      work,
      tried,
      replica,
      match,
      uses: [],
      startedAt,
      isProbe: work.only === undefined && health.booked(replica.replicaId, startedAt),
      load: noLoad,
      left: false,
      move: (why) => slot.move(why),
      computed: () => this.#computed(booking),
    };
    const prefillSecondsLeft = this.#open.add(booking);
    const { privateContextTokens, predictedCachedTokens } = expected;
    this.#parts.table.flows.served(work.flow, Math.max(0, privateContextTokens), startedAt);
    const load = {
      inFlight: 1,
      prefillSecondsLeft,
      privateContextTokens,
      reservedOutputTokens: work.maxTokens,
      coldPrompts: Number(isCold),
    };
    this.#change(booking, load);
    const slot: BookedSlot = this.#slot(booking, { replica, reason, scores, predictedCachedTokens });
    return slot;
  }

  #slot(booking: Booking, place: Pick<Slot, 'replica' | 'reason' | 'scores' | 'predictedCachedTokens'>): BookedSlot {
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
        this.#indexed.delete(booking);
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
    const { table, rowChanged, clock } = this.#parts;
    table.change(booking.replica.replicaId, addLoad(load, negated(booking.load)), clock.monotonic());
    booking.load = load;
    rowChanged();
  }

  #computed(booking: Booking): void {
    if (booking.load.prefillSecondsLeft <= 0) return;
    this.#change(booking, { ...booking.load, prefillSecondsLeft: 0, coldPrompts: 0 });
    this.#parts.computed();
  }

  /** The engine has the prompt now; and what another replica said to it was that replica's fault. */
  #accepted(booking: Booking): void {
    const { health, index, announce, clock, changed, pools } = this.#parts;
    const { work, tried, replica, startedAt } = booking;
    if (!pools.has(replica)) return;
    const { replicaId } = replica;
    const now = clock.monotonic();
    health.accepted(replicaId, { startedAt, now });
    const faulted = tried.takeFaulted();
    for (const [other, since] of faulted) health.failed(other, 'fault', { startedAt: since, now });
    if (faulted.length > 0) changed();
    if (work.only !== undefined || work.prompt.keys.length === 0) return;
    booking.uses = index.uses(replicaId, work.prompt);
    announce(index.insert(replicaId, work.prompt));
    this.#indexed.add(booking);
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
      const output = end.usage?.completionTokens ?? 0;
      this.#parts.table.flows.served(work.flow, outputWeight * output, clock.monotonic());
      health.answered(replicaId, startedAt);
      if (end.usage !== undefined && work.only === undefined) learnUsage(this.#parts, booking, end.usage);
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
}
