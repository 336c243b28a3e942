import { expect, it } from 'vitest';
import { Distribution, Numbers } from './numbers.ts';

it('keeps numbers beyond its first size, and says exactly how they lie', () => {
  const [odd, even] = [new Numbers(), new Numbers()];
  for (let value = 5000; value > 0; value--) (value % 2 === 0 ? even : odd).add(value);
  const all = new Distribution(odd, even);
  expect([0.5, 0.95, 0.999, 1].map((share) => all.quantile(share))).toEqual([2500, 4750, 4995, 5000]);
  expect([0, 1, 2500.5, 5000].map((limit) => all.shareWithin(limit))).toEqual([0, 0.0002, 0.5, 1]);
});

it('knows nothing of nothing', () => {
  const none = new Distribution(new Numbers());
  expect([none.quantile(0.5), none.shareWithin(1)]).toEqual([Number.NaN, Number.NaN]);
});
