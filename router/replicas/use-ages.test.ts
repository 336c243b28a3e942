import { expect, it } from 'vitest';
import { UseAges } from './use-ages.ts';

const capacity = 1000;

function cache() {
  const ages = new UseAges(0);
  const take = (bytes: number, now: number): number => {
    ages.advance(now, capacity);
    ages.add(ages.current, bytes);
    ages.grew(bytes);
    return ages.current;
  };
  const use = (generation: number, bytes: number, now: number): number => {
    ages.advance(now, capacity);
    ages.add(generation, -bytes);
    ages.add(ages.current, bytes);
    return ages.current;
  };
  return { ages, take, use };
}

it('tells what was used since, exactly to a generation', () => {
  const { ages, take, use } = cache();
  const first = take(100, 0);
  const second = take(200, 1000);
  take(300, 2000);
  expect([ages.bytesAfter(first), ages.bytesAfter(second)]).toEqual([500, 300]);
  use(first, 100, 3000);
  expect(ages.bytesAfter(second)).toBe(400);
});

it('is warm for 20 seconds after its last use, also when nothing was used since', () => {
  const { ages, take, use } = cache();
  const first = take(100, 0);
  take(200, 10_000);
  expect(ages.warmBytes(19_000)).toBe(300);
  expect(ages.warmBytes(21_000)).toBe(200);
  const again = use(first, 100, 22_000);
  expect(ages.warmBytes(31_000)).toBe(100);
  expect(ages.warmBytes(3_600_000)).toBe(0);
  use(again, 100, 3_600_000);
  expect(ages.warmBytes(3_600_001)).toBe(100);
});

it('remembers a bounded number of generations, and no byte twice', () => {
  const { ages, take, use } = cache();
  const old = take(50, 0);
  let last = take(100, 2500);
  for (let round = 2; round < 5000; round++) last = use(last, 100, 2500 * round);
  expect(ages.bytesAfter(old)).toBe(100);
  expect(ages.warmBytes(2500 * 5000)).toBe(100);
  use(old, 50, 2500 * 5000);
  expect(ages.warmBytes(2500 * 5000)).toBe(150);
  expect(ages.warmBytes(2500 * 5100)).toBe(0);
});
