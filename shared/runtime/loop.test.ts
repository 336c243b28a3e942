import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { silentLogger } from './log.ts';
import { startLoop, type LoopOptions } from './loop.ts';

const options = (clock: LoopOptions['clock'], over: Partial<LoopOptions> = {}): LoopOptions => ({
  name: 'test',
  everyMs: 1000,
  clock,
  log: silentLogger(),
  ...over,
});

describe('loop', () => {
  it('runs at once and then after each pause, counted from the end of the last turn', async () => {
    const clock = createTestClock(0);
    const at: number[] = [];
    await using _loop = startLoop(options(clock), async () => {
      at.push(clock.monotonic());
      await clock.sleep(300);
    });
    await clock.advance(4000);
    expect(at).toEqual([0, 1300, 2600, 3900]);
    await clock.advance(300);
  });

  it('waits first when it is asked to, and varies the pause within its jitter', async () => {
    const clock = createTestClock(0);
    const at: number[] = [];
    const draws = [0, 1, 0.5];
    const random = (): number => draws.shift() ?? 0.5;
    await using _loop = startLoop(options(clock, { immediately: false, jitter: 0.1, random }), () => {
      at.push(clock.monotonic());
    });
    await clock.advance(3500);
    expect(at).toEqual([900, 2000, 3000]);
  });

  it('is woken out of a pause', async () => {
    const clock = createTestClock(0);
    let turns = 0;
    await using loop = startLoop(options(clock), () => void (turns += 1));
    await clock.advance(10);
    loop.wake();
    await clock.advance(0);
    expect(turns).toBe(2);
    await clock.advance(999);
    expect(turns).toBe(2);
    await clock.advance(1);
    expect(turns).toBe(3);
  });

  it('does not lose a wake-up that comes during a turn', async () => {
    const clock = createTestClock(0);
    let turns = 0;
    await using loop = startLoop(options(clock), async () => {
      turns += 1;
      await clock.sleep(100);
    });
    await clock.advance(50);
    loop.wake();
    loop.wake();
    await clock.advance(50);
    expect(turns).toBe(2);
    await clock.advance(150);
    expect(turns).toBe(2);
  });

  it('goes on after a turn that throws', async () => {
    const clock = createTestClock(0);
    let turns = 0;
    await using _loop = startLoop(options(clock), () => {
      turns += 1;
      if (turns < 3) throw new Error('bad turn');
    });
    await clock.advance(2000);
    expect(turns).toBe(3);
  });

  it('ends at once when it is disposed during a pause', async () => {
    const clock = createTestClock(0);
    let turns = 0;
    const loop = startLoop(options(clock), () => void (turns += 1));
    await clock.advance(500);
    await loop[Symbol.asyncDispose]();
    await clock.advance(5000);
    expect(turns).toBe(1);
  });

  it('tells a running turn to stop and waits for it when it is disposed', async () => {
    const clock = createTestClock(0);
    const seen: string[] = [];
    const loop = startLoop(options(clock), async (signal) => {
      signal.addEventListener('abort', () => seen.push('told'));
      await clock.sleep(500);
      seen.push('ended');
    });
    const disposing = loop[Symbol.asyncDispose]().then(() => seen.push('disposed'));
    await clock.advance(499);
    expect(seen).toEqual(['told']);
    await clock.advance(1);
    await disposing;
    await clock.advance(5000);
    expect(seen).toEqual(['told', 'ended', 'disposed']);
  });
});
