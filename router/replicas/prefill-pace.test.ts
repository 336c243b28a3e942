import { describe, expect, it } from 'vitest';
import { PrefillPace } from './prefill-pace.ts';

/** A pool that has answered so many prompts of these bytes in these seconds. */
function paceOf(...answers: readonly (readonly [times: number, bytes: number, seconds: number])[]): PrefillPace {
  const pace = new PrefillPace();
  for (const [times, bytes, seconds] of answers) for (let i = 0; i < times; i += 1) pace.learn('p', bytes, seconds);
  return pace;
}

describe('PrefillPace', () => {
  it('says nothing before it has seen enough of the kind', () => {
    expect(paceOf([7, 100_000, 10]).secondsFor('p', 100_000)).toBeUndefined();
    expect(paceOf([8, 100_000, 10]).secondsFor('p', 100_000)).toBeCloseTo(10);
    expect(paceOf([50, 1000, 0.2]).secondsFor('p', 100_000)).toBeUndefined();
    expect(paceOf([50, 1000, 0.2]).secondsFor('other', 1000)).toBeUndefined();
  });

  it('grows with the prompt, from the time of a step of the engine on', () => {
    const pace = paceOf([8, 100_000, 10], [8, 1000, 2]);
    expect([1, 400, 20_000, 300_000].map((bytes) => pace.secondsFor('p', bytes))).toEqual([2, 2, 2, 30]);
    expect(paceOf([8, 160_000, 10]).secondsFor('p', 100)).toBeCloseTo(1.024);
    expect(pace.bytesIn('p', 5)).toBeCloseTo(50_000);
    expect(paceOf([8, 1000, 2]).bytesIn('p', 5)).toBe(0);
  });

  it('is not moved far by what half of the answers took', () => {
    expect(paceOf([30, 100_000, 10], [20, 100_000, 600]).secondsFor('p', 100_000)).toBeCloseTo(10);
  });

  it('follows a pool that has become slower, and forgets one that is gone', () => {
    const pace = paceOf([64, 100_000, 10], [40, 100_000, 30]);
    expect(pace.secondsFor('p', 100_000)).toBeCloseTo(30);
    pace.keep(new Set(['other']));
    expect(pace.secondsFor('p', 100_000)).toBeUndefined();
  });
});
