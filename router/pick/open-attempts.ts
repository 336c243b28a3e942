import type { PoolReplica } from '#shared/contract/replica.ts';
import type { Prefill, PrefillPace } from '../replicas/pace/prefill-pace.ts';
import type { ReplicaHealth } from '../replicas/replica-health.ts';
import type { ReplicaSpeeds } from '../replicas/pace/replica-speeds.ts';
import type { ReplicaTable } from '../replicas/replica-table.ts';
import type { ReplicaState } from '../replicas/replica-view.ts';
import type { MoveReason, Work } from './picker.ts';
import type { Tried } from './tried.ts';

/** One attempt under way. */
export interface OpenAttempt {
  readonly work: Work;
  readonly tried: Tried;
  readonly replica: PoolReplica;
  readonly startedAt: number;
  /** What the engine should have to compute for it. */
  readonly prefill: Prefill;
  move(reason: MoveReason): void;
  /** By all that is known its prompt is computed. */
  computed(): void;
}

/** What an attempt is expected to take, seconds; undefined while the pool's pace is unknown. */
interface Expected {
  readonly own: number | undefined;
  /** How much longer the replica takes than its pool. */
  readonly slowness: number;
  /** If the cache had nothing of it. */
  readonly whole: number | undefined;
  /** Work of all routers that was there before it. */
  readonly ahead: number;
  /** The sum of all own work on the replica when it came. */
  readonly booked: number;
}

/** What is under way on one replica. */
interface Busy {
  readonly waiting: Map<OpenAttempt, Expected>;
  readonly begun: Set<OpenAttempt>;
  booked: number;
  /** When an attempt last began in the time that was expected of it, and when a byte came. */
  onTimeAt: number;
  heardAt: number;
  stalledSince: number | undefined;
}

/** Where attempts are looked at from. */
export interface OpenAttemptsParts {
  readonly health: ReplicaHealth;
  readonly table: ReplicaTable;
  readonly pace: PrefillPace;
  readonly speeds: ReplicaSpeeds;
  /** What is known of a pool's replicas now. */
  readonly view: (pool: string, now: number) => readonly ReplicaState[];
  /** No first content is late before this, milliseconds. */
  readonly lateAfterMs: number;
  /** How long requests stay on a stalled replica while nobody else can take them, milliseconds: it may go on. */
  readonly stallPatienceMs: number;
}

/** A first content is late after so many times the time that is expected of it. */
const lateFactor = 3;
/** A late request is moved once: slow for it are then two replicas. */
const lateMovesMax = 1;

/**
 * The attempts under way, and which of them had better go elsewhere. A replica that has stalled loses those that have
 * nothing for their clients as soon as another one can take them. One that is late beyond what its pool takes for such
 * prompts is moved alone, if that is not for a queue (what was booked there counts as expected, and nothing is late on an
 * engine that tells of a queue and speaks) and another replica is faster: idle, or on time since. When all are slow nobody
 * moves.
 */
export class OpenAttempts {
  readonly #parts: OpenAttemptsParts;
  readonly #replicas = new Map<string, Busy>();

  constructor(parts: OpenAttemptsParts) {
    this.#parts = parts;
  }

  /** An attempt is about to be booked. Returns the seconds of prefill that it brings to its replica. */
  add(attempt: OpenAttempt): number {
    const { pace, table, speeds } = this.#parts;
    const { work, replica, prefill, startedAt } = attempt;
    const busy = this.#replicas.get(replica.replicaId) ?? newlyBusy();
    this.#replicas.set(replica.replicaId, busy);
    const own = pace.secondsFor(work.pool, prefill);
    const uncachedTokens = prefill.cachedTokens + prefill.uncachedTokens;
    const whole = pace.secondsFor(work.pool, { cachedTokens: 0, uncachedTokens });
    const ahead = table.load(replica.replicaId, startedAt).prefillSecondsLeft;
    const slowness = speeds.slownessOf(replica.replicaId, startedAt);
    busy.booked += (own ?? 0) * slowness;
    busy.waiting.set(attempt, { own, slowness, whole, ahead, booked: busy.booked });
    return (own ?? 0) * slowness;
  }

  /** A byte came. */
  heard({ replica }: OpenAttempt, now: number): void {
    const busy = this.#replicas.get(replica.replicaId);
    if (busy !== undefined) busy.heardAt = now;
  }

  /** Its first content came. */
  began(attempt: OpenAttempt, now: number): void {
    const { replica } = attempt;
    const busy = this.#replicas.get(replica.replicaId);
    const expected = busy?.waiting.get(attempt);
    if (busy === undefined || expected === undefined) return;
    if (!this.#isLate(busy, attempt, now)) busy.onTimeAt = now;
    this.#learn(attempt, expected, { queue: queueOf(busy, expected), now });
    busy.waiting.delete(attempt);
    busy.begun.add(attempt);
  }

  /** A queue takes its share of the time; what is left of it is the prompt's own. */
  #learn(
    { work, replica, prefill, startedAt }: OpenAttempt,
    { own, slowness }: Expected,
    { queue, now }: { queue: number; now: number },
  ): void {
    const { pace, speeds } = this.#parts;
    const seconds = (now - startedAt) / 1000;
    if (own === undefined) return pace.learn(work.pool, prefill, { seconds, doubt: 0 });
    const expected = own + queue / slowness;
    pace.learn(work.pool, prefill, { seconds: (seconds * own) / expected, doubt: queue / slowness });
    speeds.learn(replica.replicaId, { ratio: seconds / expected, seconds: expected }, now);
  }

  /** It is over. */
  delete(attempt: OpenAttempt): void {
    const busy = this.#replicas.get(attempt.replica.replicaId);
    busy?.waiting.delete(attempt);
    busy?.begun.delete(attempt);
  }

  /** When the oldest of a replica's attempts began. */
  oldestOn(replica: string): number | undefined {
    const busy = this.#replicas.get(replica);
    if (busy === undefined || busy.waiting.size + busy.begun.size === 0) return undefined;
    return Math.min(...[...busy.waiting.keys(), ...busy.begun].map(({ startedAt }) => startedAt));
  }

  /** Forgets all replicas but these. */
  keep(replicas: { has(replica: string): boolean }): void {
    for (const [replica, { waiting, begun }] of this.#replicas)
      if (waiting.size + begun.size === 0 && !replicas.has(replica)) this.#replicas.delete(replica);
    this.#parts.speeds.keep(replicas);
  }

  /** Time has passed. */
  tick(now: number): void {
    for (const [replica, busy] of this.#replicas) {
      if (this.#parts.health.isStalled(replica)) this.#leaveStalled(replica, busy, now);
      else {
        busy.stalledSince = undefined;
        for (const attempt of Array.from(busy.waiting.keys())) this.#look(busy, attempt, now);
      }
    }
  }

  #leaveStalled(replica: string, busy: Busy, now: number): void {
    busy.stalledSince ??= now;
    const isOver = now - busy.stalledSince >= this.#parts.stallPatienceMs;
    if (this.#parts.health.isRefused(replica)) {
      for (const attempt of [...busy.waiting.keys(), ...busy.begun]) attempt.move('refused');
      return;
    }
    for (const attempt of Array.from(busy.waiting.keys()))
      if (isOver || this.#others(attempt, now, true).length > 0) attempt.move('stalled');
  }

  #look(busy: Busy, attempt: OpenAttempt, now: number): void {
    const { work, tried } = attempt;
    if (work.streamed !== true) {
      // Nothing tells when the prompt of a whole answer is computed.
      if (now - attempt.startedAt >= expectedMs(busy, attempt)) attempt.computed();
      return;
    }
    if (tried.lateMoves >= lateMovesMax || !this.#isLate(busy, attempt, now)) return;
    const here = this.#parts.view(attempt.work.pool, now).find(({ id }) => id === attempt.replica.replicaId);
    // Of a replica that its pool does not name any more nothing is known.
    const isQueued = here !== undefined && hasQueue(here) && now - busy.heardAt < this.#parts.lateAfterMs;
    if (isQueued || !this.#others(attempt, now, false).some(this.#isFaster(attempt, now))) return;
    tried.lateMoves += 1;
    attempt.move('late');
  }

  /** Replicas that could take a request in place of its own. */
  #others({ work, tried, replica }: OpenAttempt, now: number, again: boolean): ReplicaState[] {
    if (work.only !== undefined) return [];
    const excluded = tried.excluded(again);
    return this.#parts
      .view(work.pool, now)
      .filter(({ id, condition, doubt }) => condition === 'ready' && doubt < Infinity && !excluded.has(id))
      .filter(({ id }) => id !== replica.replicaId);
  }

  /** Whether another replica is known to be faster than the one that this attempt is late on. */
  #isFaster({ startedAt }: OpenAttempt, now: number): (other: ReplicaState) => boolean {
    return (other) => {
      if (other.doubt > 0 || hasQueue(other)) return false;
      const busy = this.#replicas.get(other.id);
      const waiting = busy?.waiting.keys().toArray() ?? [];
      const streamed = waiting.filter(({ work }) => work.streamed === true);
      if (busy === undefined || streamed.length === 0) return true;
      return busy.onTimeAt > startedAt && !streamed.some((one) => this.#isLate(busy, one, now));
    };
  }

  #isLate(busy: Busy, attempt: OpenAttempt, now: number): boolean {
    const expected = busy.waiting.get(attempt);
    const elapsedMs = now - attempt.startedAt;
    if (expected?.own === undefined || expected.whole === undefined || elapsedMs < this.#parts.lateAfterMs)
      return false;
    const queue = queueOf(busy, expected);
    // Also the engine that has lost its cache is not late before it could have computed all of the prompt.
    return elapsedMs >= 1000 * Math.max(lateFactor * (queue + expected.own), queue + expected.whole);
  }
}

function newlyBusy(): Busy {
  return {
    waiting: new Map(),
    begun: new Set(),
    booked: 0,
    onTimeAt: Number.NEGATIVE_INFINITY,
    heardAt: Number.NEGATIVE_INFINITY,
    stalledSince: undefined,
  };
}

/**
 * Work that may be done before that of an attempt: what was there, and what has come since, which shares the engine's steps
 * with it. Of the latter no more than that of the former and itself: on a busy replica it would excuse everything.
 */
function queueOf({ booked }: Busy, expected: Expected): number {
  const since = booked - expected.booked;
  return expected.ahead + Math.min(since, expected.ahead + (expected.own ?? 0));
}

function expectedMs(busy: Busy, attempt: OpenAttempt): number {
  const expected = busy.waiting.get(attempt);
  return expected === undefined ? 0 : 1000 * (queueOf(busy, expected) + (expected.own ?? 0) * expected.slowness);
}

/** Requests wait inside of the engine, or it has some that no router knows. */
function hasQueue({ signals, unseen }: ReplicaState): boolean {
  return (signals.waiting ?? 0) > 0 || unseen > 0;
}
