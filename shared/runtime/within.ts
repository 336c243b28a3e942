import type { Clock } from './clock.ts';

/** How long, and by which clock. */
interface Bounds {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

const overdue = Symbol('overdue');

/** Thrown by `within` when the time is over. */
export class OverdueError extends Error {
  override name = 'OverdueError';
}

/**
 * What becomes of `promise` within `ms` on this clock, and until the signal aborts. The promise itself goes on: whoever
 * made it ends its work by a signal of its own.
 * @throws OverdueError when the time is over, the signal's reason when it aborts.
 */
export async function within<T>(promise: Promise<T>, ms: number, how: Bounds): Promise<T> {
  const found = await raced(promise, ms, how);
  if (found === overdue) throw new OverdueError(`not done after ${ms} ms`);
  return found;
}

/**
 * Whether `promise` is kept within `ms` and before the signal aborts; see `within`.
 * @throws what the promise fails with.
 */
export async function endsWithin(promise: Promise<unknown>, ms: number, how: Bounds): Promise<boolean> {
  try {
    return (await raced(promise, ms, how)) !== overdue;
  } catch (error) {
    if (how.signal?.aborted === true) return false;
    throw error;
  }
}

/** By hand, without a signal and an error of its own: requests that wait do it many times. @throws as `within` */
async function raced<T>(promise: Promise<T>, ms: number, { clock, signal }: Bounds): Promise<T | typeof overdue> {
  signal?.throwIfAborted();
  const { promise: first, resolve, reject } = Promise.withResolvers<T | typeof overdue>();
  const stop = (): void => reject(signal?.reason);
  const cancel = clock.after(ms, () => resolve(overdue));
  signal?.addEventListener('abort', stop, { once: true });
  promise.then(resolve, reject);
  try {
    return await first;
  } finally {
    cancel();
    signal?.removeEventListener('abort', stop);
  }
}
