import { expect, it } from 'vitest';
import { covers } from './covers.ts';

it.each([
  ['the same', { a: 1 }, { a: 1 }, true],
  ['more than planned', { a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1 } }, true],
  ['a value that differs', { a: { b: 1 } }, { a: { b: 2 } }, false],
  ['a member that is missing', { a: 1 }, { a: 1, b: 1 }, false],
  ['a planned undefined', { a: 1 }, { a: 1, b: undefined }, true],
  ['lists with defaults inside', { a: [{ n: 'x', d: 1 }] }, { a: [{ n: 'x' }] }, true],
  ['lists of another length', { a: [1, 2] }, { a: [1] }, false],
  ['lists in another order', { a: [1, 2] }, { a: [2, 1] }, false],
  ['an object where a text is', { a: 'x' }, { a: { b: 1 } }, false],
  ['an empty object that the server dropped', {}, { a: {} }, true],
  ['null', { a: null }, { a: { b: 1 } }, false],
])('covers: %s', (...[, live, planned, expected]) => expect(covers(live, planned)).toBe(expected));
