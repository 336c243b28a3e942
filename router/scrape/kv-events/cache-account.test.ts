import { describe, expect, it } from 'vitest';
import { CacheAccount } from './cache-account.ts';

const stored = (blocks: number[], group = 0, blockTokens = 16) =>
  ({ kind: 'stored', blocks, blockTokens, group }) as const;
const removed = (blocks: number[], group = 0) => ({ kind: 'removed', blocks, group }) as const;
const cleared = { kind: 'cleared' } as const;

function begun(): CacheAccount {
  const account = new CacheAccount();
  account.begin();
  return account;
}

describe('the balance of a prefix cache', () => {
  it('is stored minus removed tokens, each block once however often it is told', () => {
    const account = begun();
    account.take([stored([1, 2]), stored([2, 3]), removed([1]), removed([1])], 0);
    expect(account.news(0).heldTokens).toBe(32);
  });

  it('is unknown before all of it was seen, and after something was missed, until the cache is empty', () => {
    const account = new CacheAccount();
    account.take([stored([1])], 0);
    expect(account.news(0)).not.toHaveProperty('heldTokens');
    account.take([cleared, stored([1])], 5);
    expect(account.news(10)).toMatchObject({ heldTokens: 16, clearedAgeMs: 5 });
    account.missed();
    account.take([stored([2])], 0);
    expect(account.news(0)).not.toHaveProperty('heldTokens');
  });

  it('tells of a clearing while it is new', () => {
    const account = begun();
    account.take([cleared], 5);
    expect(account.news(10_005).clearedAgeMs).toBe(10_000);
    expect(account.news(10_006)).not.toHaveProperty('clearedAgeMs');
  });

  it('of a million small blocks is that of a sample', () => {
    const account = begun();
    // Spread over 30 bits (Knuth, multiplicative hashing), as engines’ hashes are.
    const keys = Array.from({ length: 1_000_000 }, (_, index) => Math.imul(index, 2_654_435_761) >>> 2);
    for (let at = 0; at < keys.length; at += 10_000) account.take([stored(keys.slice(at, at + 10_000), 0, 1)], 0);
    const heldTokens = (): number => account.news(0).heldTokens ?? NaN;
    expect(Math.abs(heldTokens() / 1_000_000 - 1)).toBeLessThan(0.02);
    account.take([removed(keys.slice(0, 750_000))], 0);
    expect(Math.abs(heldTokens() / 250_000 - 1)).toBeLessThan(0.02);
    account.take([cleared, stored([1, 2, 3], 0, 1)], 0);
    expect(heldTokens()).toBe(3);
  });

  it('counts the tokens of the first group of layers alone', () => {
    const account = begun();
    account.take([stored([1, 2]), stored([11, 12], 1), removed([11], 1)], 0);
    expect(account.news(0)).toEqual({ heldTokens: 32, evictedPerSecond: 0 });
  });

  it('tells how much is removed per second, of what it knows and of what it does not', () => {
    const account = begun();
    for (let second = 0; second < 100; second++) account.take([stored([second]), removed([second, -1])], second * 1000);
    expect(account.news(100_000).evictedPerSecond).toBeGreaterThan(28);
    expect(account.news(100_000).evictedPerSecond).toBeLessThan(36);
    expect(account.news(200_000).evictedPerSecond).toBeLessThan(0.01);
  });
});
