import { expect, it } from 'vitest';
import { DrainRate } from './drain-rate.ts';

it('a queue is as long as what ends lately makes it', () => {
  const rate = new DrainRate();
  expect(rate.waitFor(10, 0)).toBeUndefined();
  for (let at = 0; at <= 300_000; at += 500) rate.ended(at);
  // Two a second.
  expect(rate.waitFor(20, 300_000)).toBeGreaterThan(9500);
  expect(rate.waitFor(20, 300_000)).toBeLessThan(10_500);
  expect([rate.waitFor(0, 300_000), rate.waitFor(1e6, 300_000)]).toEqual([1000, 60_000]);
  expect(rate.waitFor(20, 330_000)).toBeGreaterThan(26_000);
  expect(rate.waitFor(20, 600_000)).toBeUndefined();
});
