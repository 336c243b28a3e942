import { expect, it } from 'vitest';
import { DoubledRouters } from './doubled-routers.ts';

it('tells two living routers of one id from a late word, once, and while it lasts', () => {
  const doubled = new DoubledRouters(5000);
  // A word of a process that ends; a long time after, that of another one.
  expect([0, 2000, 20_000].map((at) => doubled.heard('r1', at))).toEqual([false, false, false]);
  expect(doubled.ids(20_000)).toEqual([]);
  expect([22_000, 24_000, 26_000, 28_000].map((at) => doubled.heard('r1', at))).toEqual([false, false, true, false]);
  doubled.heard('r2', 28_000);
  expect([doubled.ids(33_000), doubled.ids(33_001)]).toEqual([['r1'], []]);
});
