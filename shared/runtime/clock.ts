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

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};
