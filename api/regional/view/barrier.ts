import { AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { within } from '#shared/runtime/within.ts';

/** What a barrier waits for. */
export interface BarrierOptions {
  /** Waits until the views have caught up with the leaders. */
  pass: (signal: AbortSignal) => Promise<void>;
  clock: Clock;
  /** Then the read is refused: better no answer than an old one. */
  timeoutMs: number;
}

/** Makes reads current. */
export interface Barrier {
  /** Resolves when whatever was acknowledged before the call is in the views. @throws AppError `unavailable`. */
  wait(): Promise<void>;
}

/**
 * Reads that arrive while a barrier is being passed share the next one: it starts after they came, so that it covers what
 * they may have seen, and a thousand reads at once cost two.
 */
export function createBarrier(options: BarrierOptions): Barrier {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = async (): Promise<void> => {
    const turn = passOnce(options);
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

async function passOnce({ pass, clock, timeoutMs }: BarrierOptions): Promise<void> {
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
}
