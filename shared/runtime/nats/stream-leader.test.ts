import { expect, it } from 'vitest';
import { isLevel } from './stream-leader.ts';

it.each<[what: string, mirror: { lag: number; active: number } | undefined, level: boolean]>([
  ['a stream of its own', undefined, true],
  ['a mirror that has all', { lag: 0, active: 1_000_000 }, true],
  ['a mirror that lags behind', { lag: 3, active: 1_000_000 }, false],
  ['a mirror that has not heard of its origin yet', { lag: 0, active: -1 }, false],
])('%s', (_what, mirror, level) => {
  expect(isLevel({ mirror })).toBe(level);
});
