import { expect, it } from 'vitest';
import { ReplicaSpeeds } from './replica-speeds.ts';

/** So many answers, one each second, that take `ratio` times what is expected. */
function answer(speeds: ReplicaSpeeds, [times, ratio]: readonly [number, number], from = 0): void {
  for (let i = 0; i < times; i += 1) speeds.learn('a', { ratio, seconds: 1 }, from + 1000 * i);
}

it('learns that a replica is slow, and that it is fast again', () => {
  const speeds = new ReplicaSpeeds();
  expect(speeds.slownessOf('a', 0)).toBe(1);
  answer(speeds, [30, 3]);
  expect(speeds.slownessOf('a', 30_000)).toBeGreaterThan(2.5);
  expect(speeds.slownessOf('b', 30_000)).toBe(1);
  answer(speeds, [30, 1], 30_000);
  expect(speeds.slownessOf('a', 60_000)).toBeLessThan(1.1);
});

it('forgets by itself that a replica was slow, which gets nothing while it is', () => {
  const speeds = new ReplicaSpeeds();
  answer(speeds, [30, 3]);
  expect(speeds.slownessOf('a', 40_000)).toBeGreaterThan(2);
  expect(speeds.slownessOf('a', 90_000)).toBe(1);
  speeds.keep(new Set(['b']));
  expect(speeds.slownessOf('a', 30_000)).toBe(1);
});

it('is not turned over by one answer, nor by small ones', () => {
  const speeds = new ReplicaSpeeds();
  answer(speeds, [1, 1000]);
  expect(speeds.slownessOf('a', 0)).toBeLessThan(1.5);
  const others = new ReplicaSpeeds();
  for (let i = 0; i < 5; i += 1) others.learn('a', { ratio: 3, seconds: 0.01 }, 0);
  expect(others.slownessOf('a', 0)).toBeLessThan(1.1);
});
