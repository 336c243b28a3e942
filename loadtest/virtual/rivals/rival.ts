import { AppError } from '#shared/contract/errors.ts';
import type { PoolReplica } from '#shared/contract/replica.ts';
import { noScores } from '../../../router/pick/pick-scores.ts';
import type { Slot, Work } from '../../../router/pick/picker.ts';
import type { Tried } from '../../../router/pick/tried.ts';
import { PrefixIndex } from '../../../router/replicas/prefix-index.ts';
import type { ReplicaSignals } from '../../../router/replicas/replica-view.ts';

/** A replica as a rival's rule sees it. */
export interface RivalView {
  readonly id: string;
  /** Requests that this router has sent there and that are not over. */
  readonly inFlight: number;
  /** Share of the prompt that it should hold by this router's own history: 0 to 1. */
  readonly matched: number;
  readonly signals: ReplicaSignals;
}

/** A rule of another product, from its published description: the replica for a request. */
export type RivalRule = (work: Work, views: readonly RivalView[]) => string | undefined;

/** What rivals know their replicas by. */
export interface RivalParts {
  readonly rule: RivalRule;
  readonly replicas: readonly PoolReplica[];
  readonly signalsOf: (replica: string) => ReplicaSignals;
}

/** llm-d's history of a server: 31,250 blocks of 64 tokens of 4 characters, of prompts up to 131,072 tokens. */
const historyBytes = 31_250 * 64 * 4;
const matchedBytesMax = 131_072 * 4;

/**
 * A router of another product in virtual time: its rule, its own counts and its own history of prompts. It holds nothing
 * back, and shares nothing with its like.
 */
export class Rival {
  readonly #parts: RivalParts;
  readonly #history: PrefixIndex;
  readonly #inFlight = new Map<string, number>();

  constructor(parts: RivalParts) {
    this.#parts = parts;
    this.#history = new PrefixIndex(() => 0);
    this.#history.setReplicas(new Map(parts.replicas.map(({ replicaId }) => [replicaId, historyBytes])));
  }

  /** A replica that this request has not been on. @throws AppError `no_replica` when it has been on all. */
  async acquire(work: Work, _signal: AbortSignal, tried: Tried): Promise<Slot> {
    const excluded = tried.excluded(false);
    const there = this.#parts.replicas.filter(({ replicaId }) => !excluded.has(replicaId));
    if (there.length === 0) throw new AppError('no_replica', { retryAfterMs: 1000 });
    const chosen = this.#parts.rule(work, this.#viewsOf(work, there));
    const replica = there.find(({ replicaId }) => replicaId === chosen);
    if (replica === undefined) throw new Error('a rule has chosen nobody');
    return this.#book(replica, { work, tried });
  }

  #viewsOf({ prompt }: Work, replicas: readonly PoolReplica[]): RivalView[] {
    const ids = replicas.map(({ replicaId }) => replicaId);
    const matches = this.#history.match(ids, prompt);
    const whole = Math.min(matchedBytesMax, prompt.bytesUpTo.at(-1) ?? 0);
    return ids.map((id, at) => {
      const matchedBytes = prompt.bytesUpTo[matches[at]?.block ?? -1] ?? 0;
      const matched = whole === 0 ? 0 : Math.min(matchedBytes, matchedBytesMax) / whole;
      return { id, inFlight: this.#inFlight.get(id) ?? 0, matched, signals: this.#parts.signalsOf(id) };
    });
  }

  #book(replica: PoolReplica, { work, tried }: { work: Work; tried: Tried }): Slot {
    const { replicaId } = replica;
    const count = (by: number): void => void this.#inFlight.set(replicaId, (this.#inFlight.get(replicaId) ?? 0) + by);
    count(1);
    this.#history.insert(replicaId, work.prompt);
    return {
      replica,
      reason: 'rival',
      scores: noScores,
      predictedCachedTokens: 0,
      onMove: () => {},
      accepted: () => {},
      began: () => {},
      kept: () => {},
      heard: () => {},
      ended: (end) => tried.note(replicaId, end, 0),
      [Symbol.dispose]: () => count(-1),
    };
  }
}
