import type { Clock } from './clock.ts';

/** Thrown by `within` when the time is over. */
export class OverdueError extends Error {
  override name = 'OverdueError';
}

/**
 * What becomes of `promise` within `ms` on this clock, and until the signal aborts. The promise itself goes on: whoever
 * made it ends its work by a signal of its own.
 * @throws OverdueError when the time is over, the signal's reason when it aborts.
 */
export async function within<T>(
  promise: Promise<T>,
  ms: number,
  { clock, signal }: { clock: Clock; signal?: AbortSignal | undefined },
): Promise<T> {
  const over = new AbortController();
  const late = clock
    .sleep(ms, signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]))
    .then(() => Promise.reject(new OverdueError(`not done after ${ms} ms`)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    // A reason of its own: making the usual exception costs more than the timer.
    over.abort('over');
  }
}

/**
 * Whether `promise` is kept within `ms` and before the signal aborts; see `within`.
 * @throws what the promise fails with.
 */
export async function endsWithin(
  promise: Promise<unknown>,
  ms: number,
  how: Parameters<typeof within>[2],
): Promise<boolean> {
  try {
    await within(promise, ms, how);
    return true;
  } catch (error) {
    if (error instanceof OverdueError || how.signal?.aborted === true) return false;
    throw error;
  }
}
