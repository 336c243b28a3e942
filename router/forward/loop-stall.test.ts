import { expect, it } from 'vitest';
import { silentLogger } from '#shared/runtime/log.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { LoopStall } from './loop-stall.ts';

it('tells a time in which nothing of this process ran from one in which others were slow', async () => {
  const clock = createTestClock();
  let lateMs = 0;
  const late = { ...clock, monotonic: () => clock.monotonic() + lateMs };
  await using stall = new LoopStall(late, silentLogger());
  const before = late.monotonic();
  await clock.advance(5000);
  expect(stall.since(before)).toBe(false);
  // No timer fires while the loop stands still: time has passed when the next one does.
  lateMs = 2000;
  expect(stall.since(before)).toBe(true);
  const after = late.monotonic() + 1;
  await clock.advance(5000);
  expect([stall.since(after), stall.since(before)]).toEqual([false, true]);
});
