import type { PoolReplica } from '#shared/contract/replica.ts';
import type { KeptAnswer } from '../replicas/kept-answers.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import type { PickScores } from './pick-scores.ts';
import type { Asked } from './policies/policy.ts';
import type { Priority } from './wait/waiting-cost.ts';
import type { Tried } from './tried.ts';

/** What is asked for: one request as the brain sees it. */
export interface Work extends Asked {
  readonly pool: string;
  /** Unit of fairness: whose turn it is, by a name that does not tell who that is. */
  readonly flow: string;
  /** Held by its body while it waits. */
  readonly bytes: number;
  /** Left out: normal. Only among requests that are held. */
  readonly priority?: Priority;
  /** How long it waits for a replica, milliseconds, where the client says it. */
  readonly capacityTimeoutMs?: number;
  /** For exactly this replica, whatever its state: a probe, or a question about an answer that it keeps. */
  readonly only?: string;
  /** The adapter (LoRA) that answers it, by the engine's name. */
  readonly adapter?: string;
  /** Output that is reserved for it, tokens; 0 when the client does not bound it. */
  readonly maxTokens: number;
  /** The answer comes as a stream, so that it is seen when it begins. */
  readonly streamed?: boolean;
}

/**
 * Why an attempt that has nothing for its client had better go elsewhere: its first content is `late`, and another replica is
 * faster · the replica is `stalled`, it answers neither looks nor any request · `refused` nobody listens there and it is
 * silent, so that a stream that has begun ends, too.
 */
export type MoveReason = 'late' | 'stalled' | 'refused';

/** One attempt's place on a replica: booked when it is made, given back exactly once, in whatever way the attempt ends. */
export interface Slot extends Disposable {
  readonly replica: PoolReplica;
  /** Why this replica. */
  readonly reason: string;
  /** Among which others it was picked; none when it was named. */
  readonly scores: PickScores;
  /** Prompt tokens that its cache should hold. */
  readonly predictedCachedTokens: number;
  /** Whom to tell that the request had better go elsewhere: again and again while that holds. The last one counts. */
  onMove(listener: (reason: MoveReason) => void): void;
  /** The engine has taken the work (a good head came): its cache will hold the prompt. Twice is once. */
  accepted(): void;
  /** The first content came: the prompt is computed. Twice is once. */
  began(): void;
  /** The engine keeps the answer that has begun, for those who ask by this key. */
  kept(key: string): void;
  /** A byte of the answer came: the replica is not stalled. Cheap; for every chunk. */
  heard(): void;
  /** What the attempt taught; without it the slot is just given back. Twice is once. */
  ended(end: SlotEnd): void;
}

/** Who decides where a request goes, and keeps the books. */
export interface Picker {
  /**
   * Waits for a replica and a turn, and books: the only place where a request waits. Fair by flow, bounded in requests and
   * bytes; nothing that other pools need is held meanwhile. A request that had a slot before (`tried`) goes before those
   * that had none; one that an engine has answered does not wait at all.
   * @throws AppError with Retry-After: `no_replica` when none is there in time, `endpoint_starting` when none could be,
   * `overloaded` when there is no room or no turn in time, `rate_limit_exceeded` when the room is full of the flow's own.
   * Without: `endpoint_not_active`, `model_not_found` as soon as the pool is being deleted or gone. The signal's reason when
   * it aborts.
   */
  acquire(work: Work, signal: AbortSignal, tried?: Tried): Promise<Slot>;
  /**
   * Who keeps an answer, by its key; what nobody here has heard of is looked up, in a bounded time. `owner`: whose share of
   * that it takes.
   * @throws AppError `overloaded`, `unavailable` when it cannot be looked up.
   */
  keptAt(key: string, owner: string): Promise<KeptAnswer | undefined>;
  /** Whether a replica of the pool could take a request now. */
  isServing(pool: string): boolean;
}
