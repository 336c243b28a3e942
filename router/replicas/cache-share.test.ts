import { describe, expect, it } from 'vitest';
import { CacheShare, seenIn } from './cache-share.ts';

describe('what an answer shows of a cache', () => {
  const uses = [
    { upTo: 10, newerBytes: 0 },
    { upTo: 100, newerBytes: 400_000 },
    { upTo: 200, newerBytes: 900_000 },
  ];
  const tokensUpTo = (blocks: number): number => 250 * blocks;

  it.each([
    ['all of it', 50_000, { kept: 900_000 }],
    ['the last group is gone', 25_000, { lost: 900_000, kept: 400_000 }],
    ['what is everybody’s alone is left', 2500, { lost: 400_000, kept: 0 }],
    ['nothing is left', 0, { lost: 0 }],
    ['a group that is there in part shows nothing: a template may have rendered it anew', 40_000, { kept: 400_000 }],
    ['what is missing is less than tokens are known by', 49_300, { kept: 900_000 }],
  ])('%s', (_, cachedTokens, seen) => {
    expect(seenIn(uses, cachedTokens, tokensUpTo)).toEqual(seen);
  });

  it('of a group of a few tokens nothing is said', () => {
    expect(seenIn([{ upTo: 2, newerBytes: 7 }], 0, tokensUpTo)).toEqual({});
  });
});

describe('the share of the told capacity', () => {
  it('is what was used since what is gone, at once or in steps, each of which may be wrong', () => {
    const share = new CacheShare();
    share.learn({ lost: 800 }, 1000);
    expect(share.value).toBe(0.8);
    share.learn({ lost: 900 }, 1000);
    expect(share.value).toBe(0.8);
    share.learn({ lost: 100 }, 1000);
    expect(share.value).toBeCloseTo(0.56);
  });

  it('grows with what is there beyond it, and back to what was told with what is there near its end', () => {
    const share = new CacheShare();
    share.learn({ isMore: true }, 1000);
    expect(share.value).toBeCloseTo(1.1);
    share.learn({ kept: 1090 }, 1000);
    expect(share.value).toBeCloseTo(1.1);
    share.learn({ lost: 900 }, 1000);
    share.learn({ kept: 500 }, 1000);
    expect(share.value).toBeCloseTo(0.9);
    for (let answer = 0; answer < 10; answer += 1) share.learn({ kept: 890 }, 1000);
    expect(share.value).toBeGreaterThan(1);
    expect(share.value).toBeLessThan(1.02);
  });

  it('has bounds', () => {
    const share = new CacheShare();
    for (let answer = 0; answer < 30; answer += 1) share.learn({ isMore: true }, 1000);
    expect(share.value).toBe(2);
    for (let answer = 0; answer < 30; answer += 1) share.learn({ lost: 0 }, 1000);
    expect(share.value).toBe(1 / 16);
  });
});
