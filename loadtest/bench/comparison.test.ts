import { expect, test } from 'vitest';
import { comparisonTable, holds, median, ratioOf, type Figure } from './comparison.ts';

const figure = (kind: Figure['kind'], before: number[], after: number[]): Figure => ({
  name: 'first token',
  unit: 's',
  kind,
  before,
  after,
});

test('a median of an even number of values lies between the two in the middle', () => {
  expect([median([3]), median([5, 1, 3]), median([4, 1, 2, 3])]).toEqual([3, 3, 2.5]);
});

test('a ratio is after ÷ before of the pairs: what slows both down does not count', () => {
  expect(ratioOf(figure('cost', [1, 2, 9], [1, 4, 27]))).toEqual({ ratio: 2, least: 1, greatest: 3 });
});

test('there is no ratio to what was not measured', () => {
  expect(ratioOf(figure('cost', [], [2, 6])).ratio).toBeNaN();
});

test.each<[Figure['kind'], number, boolean | undefined]>([
  ['cost', 1.05, true],
  ['cost', 1.06, false],
  ['rate', 0.95, true],
  ['rate', 0.94, false],
  ['note', 9, undefined],
])('a %s of %d times: %s', (kind, after, expected) => {
  expect(holds(figure(kind, [1], [after]))).toBe(expected);
});

test('a loss stands out in the table', () => {
  expect(comparisonTable([figure('cost', [1], [1.5])]).at(-1)).toBe(
    '| first token | s | 1 | 1.5 | 1.50 | 1.50–1.50 (1) | **no**: over 1.05 |',
  );
});
