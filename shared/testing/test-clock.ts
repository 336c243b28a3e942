import type { Clock } from '#shared/runtime/clock.ts';

/** A clock that stands still until a test moves it. Wall time and monotonic time are the same number. */
export interface TestClock extends Clock {
  /** Moves time and wakes every sleeper that is due, in order; lets their continuations run. */
  advance(ms: number): Promise<void>;
  /** How many sleep now: a test's look for timers that were left behind. */
  sleepers(): number;
}

interface Sleeper {
  dueAt: number;
  wake: () => void;
}

/** Makes a clock that starts at `startMs` (default: 2026-01-01). */
export function createTestClock(startMs = Date.UTC(2026, 0, 1)): TestClock {
  let time = startMs;
  let sleepers: Sleeper[] = [];
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const after: Clock['after'] = (ms, wake) => {
    const sleeper = { dueAt: time + ms, wake };
    sleepers.push(sleeper);
    return () => {
      sleepers = sleepers.filter((other) => other !== sleeper);
    };
  };
  return {
    now: () => time,
    monotonic: () => time,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason);
        const cancel = after(ms, resolve);
        const stop = (): void => {
          cancel();
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', stop, { once: true });
      }),
    after,
    sleepers: () => sleepers.length,
    async advance(ms) {
      const end = time + ms;
      await settle();
      for (;;) {
        const [next] = sleepers.filter((sleeper) => sleeper.dueAt <= end).toSorted((a, b) => a.dueAt - b.dueAt);
        if (next === undefined) break;
        time = Math.max(time, next.dueAt);
        sleepers = sleepers.filter((other) => other !== next);
        next.wake();
        await settle();
      }
      time = end;
    },
  };
}
