import { AppError } from '#shared/contract/errors.ts';
import { desiredFullRatio } from '#shared/contract/subjects.ts';
import type { Auditor } from './auditor.ts';
import type { ApiMetrics } from './metrics.ts';
import { commitIntent, type CommitOptions, type CommitResult, type PreparedIntent } from './commit-intent.ts';

/** Bounds of a committer. */
export interface CommitterOptions extends CommitOptions {
  /** Most mutations between acceptance and answer; more are refused with `overloaded`. */
  pendingMax: number;
  /** Most atomic batches in flight: nats-server allows 50 per stream, and other processes share them. */
  batchesMax: number;
  metrics: ApiMetrics;
  auditor: Pick<Auditor, 'tell' | 'settle' | 'settleOrTell'>;
}

/** A commit as use cases see it: certain, or an AppError. */
export type Committed = Extract<CommitResult, { kind: 'committed' | 'moved' | 'mismatch' }>;

/** Every commit of the process goes through here: bounded, counted, audited, its doubts turned into errors. */
export class Committer {
  readonly #options: CommitterOptions;
  readonly #waiting = new Set<() => void>();
  #pending = 0;
  #batches = 0;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** @throws AppError `store_full` above 80 % of the log; for creates and updates, never for deletes. */
  requireRoom(): void {
    if (this.#options.log.fillRatio() < desiredFullRatio) return;
    this.countRefusal('store_full');
    throw new AppError('store_full', { retryAfterMs: 30_000 });
  }

  /** Counts a change that is refused because a bound has been reached. */
  countRefusal(reason: 'store_full' | 'overloaded' | 'endpoints_max' | 'tokens_max'): void {
    this.#options.metrics.refused.inc({ reason });
  }

  /**
   * Commits one intent.
   * @throws AppError `overloaded` when too many are pending, `store_full` when the log refused it, `outcome_unknown` with
   * the intent's id when the budget was spent without certainty, `unavailable` when an intent would leave its document
   * without its audit line.
   */
  async commit(intent: PreparedIntent): Promise<Committed> {
    const { metrics, pendingMax } = this.#options;
    if (this.#pending >= pendingMax) throw this.#overloaded();
    this.#pending += 1;
    metrics.pending.set(this.#pending);
    const end = metrics.commitSeconds.startTimer();
    try {
      await this.#settle(intent);
      const result = await this.#commitInTurn(intent);
      metrics.commits.inc({ result: result.kind });
      // What was found there may have been stored by another process, at another time: then the document itself tells.
      if (result.kind === 'committed' && result.at === null)
        this.#options.auditor.tell({ document: intent.carrier.body, revision: result.revision });
      return this.#certain(result, intent);
    } finally {
      end();
      this.#pending -= 1;
      metrics.pending.set(this.#pending);
    }
  }

  async #settle({ leaving }: PreparedIntent): Promise<void> {
    const { auditor } = this.#options;
    if (leaving !== null) await (leaving.anyway ? auditor.settleOrTell(leaving) : auditor.settle(leaving));
  }

  async #commitInTurn(intent: PreparedIntent): Promise<CommitResult> {
    if (intent.others.length === 0) return commitIntent(intent, this.#options);
    await this.#turn();
    try {
      return await commitIntent(intent, this.#options);
    } finally {
      this.#handOver();
    }
  }

  /** Waits for a free batch, at most a third of the time that a commit may take: nothing has been sent by then. */
  async #turn(): Promise<void> {
    const { clock, budgetMs, batchesMax } = this.#options;
    if (this.#batches < batchesMax) {
      this.#batches += 1;
      return;
    }
    const handedOver = new AbortController();
    const take = (): void => handedOver.abort();
    this.#waiting.add(take);
    const late = await clock.sleep(budgetMs / 3, handedOver.signal).then(
      () => true,
      () => false,
    );
    if (late && this.#waiting.delete(take)) throw this.#overloaded();
  }

  #handOver(): void {
    const [take] = this.#waiting;
    if (take === undefined) this.#batches -= 1;
    else {
      this.#waiting.delete(take);
      take();
    }
  }

  #overloaded(): AppError {
    this.countRefusal('overloaded');
    return new AppError('overloaded', { message: 'Too many changes are pending in this region.', retryAfterMs: 2000 });
  }

  #certain(result: CommitResult, { intentId }: PreparedIntent): Committed {
    if (result.kind === 'full') throw new AppError('store_full', { retryAfterMs: 30_000 });
    if (result.kind === 'unknown')
      throw new AppError('outcome_unknown', {
        message:
          'It is not known whether the change was stored. Send the same request again: it takes effect at most once.',
        details: { intent_id: intentId },
        retryAfterMs: 2000,
      });
    return result;
  }
}
