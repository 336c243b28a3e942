import { setTimeout as delay } from 'node:timers/promises';

/** Time as a dependency: pure code and loops take it from their options, so that tests never sleep. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. Shown to people; no correctness may depend on it. */
  now(): number;
  /** Monotonic clock, milliseconds. For time-outs, leases and ages. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Node's timers fire at once beyond this many milliseconds (2^31 - 1, 24.8 days). Source: Node's documentation of timers. */
const longestTimerMs = 2_147_483_647;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    const options = signal === undefined ? {} : { signal };
    let left = ms;
    try {
      for (; left > longestTimerMs; left -= longestTimerMs) await delay(longestTimerMs, undefined, options);
      await delay(left, undefined, options);
    } catch (error) {
      // Node throws an AbortError of its own.
      signal?.throwIfAborted();
      throw error;
    }
  },
};
