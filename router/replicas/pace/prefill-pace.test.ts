import { describe, expect, it } from 'vitest';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { PrefillPace } from './prefill-pace.ts';

const cold = (uncachedTokens: number) => ({ cachedTokens: 0, uncachedTokens });

/** A pool that has answered so many prompts of these tokens, none of them cached, in these seconds. */
function paceOf(...answers: readonly (readonly [times: number, tokens: number, seconds: number])[]): PrefillPace {
  const pace = new PrefillPace();
  for (const [times, tokens, seconds] of answers)
    for (let i = 0; i < times; i += 1) pace.learn('p', cold(tokens), { seconds, doubt: 0 });
  return pace;
}

/** An engine's own coefficients: milliseconds per request, microseconds per token, and per pair 1e-10 s. */
const engines = [
  [20, 20, 6.2],
  [8, 60, 30],
  [150, 5, 0.5],
] as const;

describe('PrefillPace', () => {
  it('says nothing before it has seen enough of the kind', () => {
    expect(paceOf([7, 25_000, 10]).secondsFor('p', cold(25_000))).toBeUndefined();
    expect(paceOf([8, 25_000, 10]).secondsFor('p', cold(25_000))).toBeCloseTo(10);
    expect(paceOf([50, 250, 0.2]).secondsFor('p', cold(25_000))).toBeUndefined();
    expect(paceOf([50, 250, 0.2]).secondsFor('other', cold(250))).toBeUndefined();
  });

  it.each(engines)(
    'learns %d ms per request, %d µs per token and %d per pair from noise, queues and lost caches',
    (...engine) => {
      const [perRequest, perToken, perPair] = engine;
      const random = seededRandom(7);
      const truth = (cached: number, uncached: number): number =>
        perRequest / 1e3 + (perToken * uncached) / 1e6 + (perPair * uncached * (2 * cached + uncached)) / 1e10;
      const pace = new PrefillPace();
      for (let i = 0; i < 600; i += 1) {
        const cachedTokens = Math.round(random() * 100_000);
        const uncachedTokens = Math.round(10 ** (1.5 + 3.2 * random()));
        const noise = 1 + 0.2 * (random() - 0.5);
        const lost = random() < 0.1 ? truth(0, cachedTokens + uncachedTokens) : 0;
        const seconds = noise * truth(cachedTokens, uncachedTokens) + lost + 0.02 * random();
        pace.learn('p', { cachedTokens, uncachedTokens }, { seconds, doubt: 0 });
      }
      for (const [cachedTokens, uncachedTokens] of [
        [80_000, 1000],
        [80_000, 8000],
        [20_000, 30_000],
        [0, 60_000],
      ] as const) {
        const ratio =
          (pace.secondsFor('p', { cachedTokens, uncachedTokens }) ?? 0) / truth(cachedTokens, uncachedTokens);
        expect(ratio).toBeGreaterThan(0.8);
        expect(ratio).toBeLessThan(1.25);
      }
    },
  );

  it('takes no prompt for one that takes no time, also of engines that answer at once', () => {
    expect(paceOf([8, 25_000, 0]).secondsFor('p', cold(1))).toBe(1e-6);
  });

  it('is not moved far by what half of the answers took', () => {
    expect(paceOf([30, 25_000, 10], [20, 25_000, 600]).secondsFor('p', cold(25_000))).toBeCloseTo(10, 0);
  });

  it('follows a pool that has become slower, and forgets one that is gone', () => {
    const pace = paceOf([64, 25_000, 10], [44, 25_000, 30]);
    expect(pace.secondsFor('p', cold(25_000))).toBeCloseTo(30, 0);
    pace.keep(new Set(['other']));
    expect(pace.secondsFor('p', cold(25_000))).toBeUndefined();
  });
});
