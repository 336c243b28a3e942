import { describe, expect, it } from 'vitest';
import { waitOf } from './prefer-wait.ts';

describe('Prefer: wait', () => {
  it.each([
    ['wait=5', 5],
    ['respond-async, wait=10', 10],
    ['Wait = "3"; x=1', 3],
    ['wait=0', 0],
    ['wait=3600', 25],
    ['wait', undefined],
    ['await=5', undefined],
    ['wait=-1', undefined],
    ['wait=1e3', undefined],
    [undefined, undefined],
  ])('%s asks for %s seconds', (prefer, seconds) => {
    expect(waitOf(prefer)).toBe(seconds);
  });
});
