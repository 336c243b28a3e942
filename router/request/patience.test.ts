import { expect, it } from 'vitest';
import { patienceOf } from './patience.ts';

it.each([
  ['0', 0],
  ['90', 90_000],
  ['900', 600_000],
  ['1.5', undefined],
  ['-1', undefined],
  ['', undefined],
  [undefined, undefined],
])('a client that says %j waits for a replica for %j ms', (text, ms) => {
  expect(patienceOf({ 'x-scale-up-timeout': text }, 600_000)).toBe(ms);
});
