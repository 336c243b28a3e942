import { describe, expect, it } from 'vitest';
import { createTestClock, type TestClock } from '#shared/testing/test-clock.ts';
import { fullJitter, retry, type RetryOptions } from './retry.ts';

const bounds = (clock: TestClock, over: Partial<RetryOptions> = {}): RetryOptions => ({
  clock,
  baseMs: 100,
  maxMs: 1000,
  budgetMs: 10_000,
  random: () => 1,
  ...over,
});

/** Runs a retry of something that fails `failures` times, moves time to its end, and says when it was tried. */
async function tryIt(
  failures: number,
  over: Partial<RetryOptions> = {},
): Promise<{ at: number[]; outcome: string | number }> {
  const clock = createTestClock(0);
  const at: number[] = [];
  const running = retry(bounds(clock, over), (number) => {
    at.push(clock.monotonic());
    return number < failures ? Promise.reject(new Error(`failure ${number}`)) : Promise.resolve(number);
  }).catch((error: unknown) => String(error));
  await clock.advance(60_000);
  return { at, outcome: await running };
}

describe('retry', () => {
  it('gives the first success, and waits longer from failure to failure up to its bound', async () => {
    expect(await tryIt(0)).toEqual({ at: [0], outcome: 0 });
    expect(await tryIt(6)).toEqual({ at: [0, 100, 300, 700, 1500, 2500, 3500], outcome: 6 });
  });

  it('gives the last error when the budget would be passed', async () => {
    const { at, outcome } = await tryIt(99, { budgetMs: 1500 });
    expect(at).toEqual([0, 100, 300, 700, 1500]);
    expect(outcome).toBe('Error: failure 4');
  });

  it('gives the last error after the last attempt', async () => {
    expect(await tryIt(99, { attemptsMax: 3 })).toEqual({ at: [0, 100, 300], outcome: 'Error: failure 2' });
    expect(await tryIt(99, { attemptsMax: 1 })).toEqual({ at: [0], outcome: 'Error: failure 0' });
  });

  it('obeys the classification: no, or not before a given time', async () => {
    expect(await tryIt(99, { classify: () => ({ retry: false }) })).toEqual({ at: [0], outcome: 'Error: failure 0' });
    const { at } = await tryIt(2, { classify: () => ({ retry: true, afterMs: 2000 }) });
    expect(at).toEqual([0, 2000, 4000]);
  });

  it('ends a wait when the signal aborts, with the error of the last attempt', async () => {
    const clock = createTestClock(0);
    const stop = new AbortController();
    let attempts = 0;
    const running = retry(bounds(clock, { signal: stop.signal }), () => {
      attempts += 1;
      return Promise.reject(new Error('the cause'));
    });
    const outcome = expect(running).rejects.toThrow('the cause');
    await clock.advance(50);
    stop.abort(new Error('stopping'));
    await outcome;
    expect(attempts).toBe(1);
  });

  it('draws delays over the whole range', () => {
    const of = (attempt: number, random: number): number =>
      fullJitter(attempt, { baseMs: 10, maxMs: 100, random: () => random });
    expect([of(0, 0), of(0, 1), of(2, 0.5), of(4, 1), of(5000, 1)]).toEqual([0, 10, 20, 100, 100]);
  });
});
