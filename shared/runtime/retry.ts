import type { Clock } from './clock.ts';

/** What to do after a failure: try again (after at least `afterMs`), or give up. */
export type Verdict = { retry: true; afterMs?: number } | { retry: false };

/** Bounds of a retry: attempts and time in all, and the back-off between attempts. */
export interface RetryOptions {
  clock: Clock;
  baseMs: number;
  maxMs: number;
  budgetMs: number;
  attemptsMax?: number;
  classify?: (error: unknown) => Verdict;
  random?: () => number;
  signal?: AbortSignal;
}

/**
 * Delay before attempt number `attempt` (0 = first retry): uniform in [0, min(maxMs, baseMs·2^attempt)].
 * Source: "full jitter", AWS Architecture Blog, Exponential Backoff And Jitter, 2015.
 */
export function fullJitter(attempt: number, bounds: { baseMs: number; maxMs: number; random?: () => number }): number {
  const ceiling = Math.min(bounds.maxMs, bounds.baseMs * 2 ** Math.min(attempt, 30));
  return (bounds.random ?? Math.random)() * ceiling;
}

/**
 * Calls `attempt` until it succeeds, the classification says no, the budget is spent or the signal aborts.
 * @throws the last error, also when the signal ended the wait for another attempt.
 */
export async function retry<T>(options: RetryOptions, attempt: (number: number) => Promise<T>): Promise<T> {
  const startedAt = options.clock.monotonic();
  for (let number = 0; ; number += 1) {
    try {
      return await attempt(number);
    } catch (error) {
      const verdict = options.classify?.(error) ?? { retry: true };
      const waitMs = Math.max(fullJitter(number, options), verdict.retry ? (verdict.afterMs ?? 0) : 0);
      const spentMs = options.clock.monotonic() - startedAt;
      const over =
        number + 1 >= (options.attemptsMax ?? Number.POSITIVE_INFINITY) || spentMs + waitMs > options.budgetMs;
      if (!verdict.retry || over) throw error;
      const waited = await options.clock.sleep(waitMs, options.signal).then(
        () => true,
        () => false,
      );
      if (!waited) throw error;
    }
  }
}
