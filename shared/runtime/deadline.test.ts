import { expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { systemClock } from './clock.ts';
import { Deadline } from './deadline.ts';

it('is over when nothing has come in time, counted from the last touch, and never once disposed', async () => {
  const clock = createTestClock();
  const over: string[] = [];
  const kept = new Deadline(clock, 100, () => over.push('kept'));
  const disposed = new Deadline(clock, 100, () => over.push('disposed'));
  await clock.advance(60);
  kept.touch();
  disposed[Symbol.dispose]();
  await clock.advance(99);
  expect(over).toEqual([]);
  await clock.advance(1);
  expect(over).toEqual(['kept']);
  expect(clock.sleepers()).toBe(0);
});

it('is not over by a standstill of this process during which something has come', async () => {
  const ended = Promise.withResolvers<string>();
  using deadline = new Deadline(systemClock, 50, () => ended.resolve('expired'));
  setImmediate(() => {
    // As what is read from sockets, this comes after the timers that are due.
    setImmediate(() => {
      deadline.touch();
      ended.resolve('heard');
    });
    for (const until = performance.now() + 200; performance.now() < until;);
  });
  expect(await ended.promise).toBe('heard');
});
