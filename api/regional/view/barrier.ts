import { AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { within } from '#shared/runtime/within.ts';

/** Makes reads current. */
export interface Barrier {
  /** Resolves when whatever was acknowledged before the call is in the views. @throws AppError `unavailable`. */
  wait(): Promise<void>;
}

/**
 * Reads that arrive while a barrier is being passed share the next one: it starts after they came, so that it covers what
 * they may have seen, and a thousand reads at once cost two. `pass` waits until the views have caught up; after `timeoutMs`
 * the read is refused: better no answer than an old one.
 */
export function createBarrier(pass: (signal: AbortSignal) => Promise<void>, timeoutMs: number, clock: Clock): Barrier {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const passOnce = async (): Promise<void> => {
    const end = new AbortController();
    try {
      await within(pass(end.signal), timeoutMs, { clock });
    } catch (error) {
      throw new AppError('unavailable', {
        message: 'The newest state cannot be read right now, and an old one would be wrong.',
        cause: error,
      });
    } finally {
      end.abort();
    }
  };
  const start = async (): Promise<void> => {
    const turn = passOnce();
    running = turn;
    try {
      await turn;
    } finally {
      if (running === turn) running = undefined;
    }
  };
  return {
    wait() {
      if (running === undefined) return start();
      // Its error is told to those who wait for it.
      next ??= running
        .catch(() => {})
        .then(() => {
          next = undefined;
          return start();
        });
      return next;
    },
  };
}
