import { expect, it } from 'vitest';
import { CacheResets } from './cache-news.ts';

it('another start is another process; the same one, told anew or a little off, is not', () => {
  const resets = new CacheResets();
  const starts = [1000.5, 1000.5, 1001.2, 1700, 1700, 900];
  expect(starts.map((start, now) => resets.started('r', start, now))).toEqual([false, false, false, true, false, true]);
  resets.forget('r');
  expect(resets.started('r', 5, 9)).toBe(false);
});

it('one clearing counts once, however often and late it is told, and none from before', () => {
  const resets = new CacheResets();
  expect(resets.cleared('r', 1000, 5000)).toBe(false);
  expect(resets.cleared('r', -Infinity, 5000)).toBe(false);
  expect(resets.cleared('r', 6000, 6020)).toBe(true);
  expect([6001, 6040, 5990].map((at) => resets.cleared('r', at, 7000))).toEqual([false, false, false]);
  expect(resets.cleared('r', 9000, 9020)).toBe(true);
});
