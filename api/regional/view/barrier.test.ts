import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { createBarrier } from './barrier.ts';

function startBarrier() {
  const clock = createTestClock();
  const passes: { done: () => void; fail: (error: Error) => void; signal: AbortSignal }[] = [];
  const pass = (signal: AbortSignal): Promise<void> =>
    new Promise((done, fail) => {
      passes.push({ done, fail, signal });
    });
  return { clock, passes, barrier: createBarrier(pass, 2000, clock) };
}

describe('a barrier', () => {
  it('is shared by reads that come while one is passed, but never the one that is under way', async () => {
    const { barrier, passes, clock } = startBarrier();
    let late = 0;
    const first = barrier.wait();
    const more = Array.from({ length: 100 }, () => barrier.wait().then(() => (late += 1)));
    passes[0]?.done();
    await first;
    await clock.advance(0);
    expect([passes.length, late]).toEqual([2, 0]);
    passes[1]?.done();
    await Promise.all(more);
    expect(passes).toHaveLength(2);
    const next = barrier.wait();
    passes[2]?.done();
    await next;
  });

  it('ends with unavailable when the views do not come up in time, and lets the next read try', async () => {
    const { barrier, passes, clock } = startBarrier();
    const stuck = barrier.wait();
    const refused = expect(stuck).rejects.toMatchObject({ code: 'unavailable', status: 503 });
    await clock.advance(2001);
    await refused;
    expect(passes[0]?.signal.aborted).toBe(true);
    const next = barrier.wait();
    passes[1]?.done();
    await next;
  });

  it('passes a failure to those who shared it, not to those who come after', async () => {
    const { barrier, passes, clock } = startBarrier();
    const first = expect(barrier.wait()).rejects.toMatchObject({ code: 'unavailable' });
    const second = barrier.wait();
    passes[0]?.fail(new Error('no leader'));
    await first;
    await clock.advance(0);
    passes[1]?.done();
    await second;
  });
});
