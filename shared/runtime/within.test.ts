import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { endsWithin, OverdueError, within } from './within.ts';

describe('within', () => {
  it('gives what the promise gives, and leaves no timer', async () => {
    const clock = createTestClock();
    expect(await within(Promise.resolve(7), 1000, { clock })).toBe(7);
    await expect(within(Promise.reject(new Error('no')), 1000, { clock })).rejects.toThrow('no');
    expect(clock.sleepers()).toBe(0);
  });

  it('throws when the time is over, and swallows what comes later', async () => {
    const clock = createTestClock();
    const work = Promise.withResolvers<void>();
    const result = expect(within(work.promise, 1000, { clock })).rejects.toThrow(OverdueError);
    await clock.advance(1000);
    await result;
    work.reject(new Error('late'));
  });

  it("throws the signal's reason, also when it has aborted before", async () => {
    const clock = createTestClock();
    const never = new Promise<void>(() => {});
    const stop = new AbortController();
    const result = expect(within(never, 1000, { clock, signal: stop.signal })).rejects.toThrow('stopped');
    stop.abort(new Error('stopped'));
    await result;
    await expect(within(never, 1000, { clock, signal: stop.signal })).rejects.toThrow('stopped');
    expect(clock.sleepers()).toBe(0);
  });
});

describe('endsWithin', () => {
  it('tells whether it was kept in time, and throws what went wrong', async () => {
    const clock = createTestClock();
    const never = new Promise<void>(() => {});
    const stop = new AbortController();
    expect(await endsWithin(Promise.resolve(), 1000, { clock })).toBe(true);
    await expect(endsWithin(Promise.reject(new Error('no')), 1000, { clock })).rejects.toThrow('no');
    const late = endsWithin(never, 1000, { clock });
    await clock.advance(1000);
    expect(await late).toBe(false);
    const stopped = endsWithin(never, 1000, { clock, signal: stop.signal });
    stop.abort(new Error('stopped'));
    expect(await stopped).toBe(false);
    expect(clock.sleepers()).toBe(0);
  });
});
