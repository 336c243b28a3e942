/** Time as a dependency: pure code and loops take it from their options, so that tests never sleep. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. Shown to people; no correctness may depend on it. */
  now(): number;
  /** Monotonic clock, milliseconds. For time-outs, leases and ages. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `act` once after `ms`, unless the function that it returns is called before: a sleep without promise and signal. */
  after(ms: number, act: () => void): () => void;
}

/** Sleeps, and comes back early when the signal aborts: for who looks at the signal anyhow. */
export const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  clock.sleep(ms, signal).catch(() => {});

/** Node's timers fire at once beyond this many milliseconds (2^31 - 1, 24.8 days). Source: Node's documentation of timers. */
const longestTimerMs = 2_147_483_647;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // By hand: node:timers/promises makes an AbortError with a stack for each sleep that is ended.
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = systemClock.after(ms, () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
      signal?.addEventListener('abort', stop, { once: true });
    }),
  after(ms, act) {
    let left = ms;
    let timer: NodeJS.Timeout;
    const go = (): void => {
      const step = Math.min(left, longestTimerMs);
      left -= step;
      timer = setTimeout(left > 0 ? go : act, step);
    };
    go();
    return () => clearTimeout(timer);
  },
};
