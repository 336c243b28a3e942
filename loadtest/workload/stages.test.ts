import { describe, expect, it } from 'vitest';
import { stageArrivals, stagesSchema } from './stages.ts';
import { collected } from './testing/trace-file.ts';

const prompts = { groups: 2, promptsPerGroup: 3, sharedTokens: 1000, questionTokens: 50, outputTokens: 20 };
const arrivalsOf = (stages: object[], seed = 1) =>
  collected(stageArrivals(stagesSchema.parse({ kind: 'stages', stages, prompts }), seed));

describe('stages', () => {
  it('come at equal distances, one stage after the other', async () => {
    const arrivals = await arrivalsOf([
      { rate: 2, seconds: 2, arrivals: 'constant' },
      { rate: 1, seconds: 2, arrivals: 'constant' },
    ]);
    expect(arrivals.map(({ atMs, client }) => [atMs, client])).toEqual([
      [500, 'stage-1'],
      [1000, 'stage-1'],
      [1500, 'stage-1'],
      [2000, 'stage-1'],
      [3000, 'stage-2'],
      [4000, 'stage-2'],
    ]);
  });

  it('come independently of each other: as many as the rate says, and as uneven as a Poisson process', async () => {
    const arrivals = await arrivalsOf([{ rate: 50, seconds: 200 }]);
    const gaps = arrivals.map(({ atMs }, index) => atMs - (arrivals[index - 1]?.atMs ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    // 10,000 expected, of which one standard deviation is 100.
    expect(Math.abs(arrivals.length - 10_000)).toBeLessThan(400);
    expect(Math.abs(deviation / mean - 1)).toBeLessThan(0.05);
    expect(await arrivalsOf([{ rate: 50, seconds: 200 }])).toEqual(arrivals);
    expect(await arrivalsOf([{ rate: 50, seconds: 200 }], 2)).not.toEqual(arrivals);
  });

  it('send each prompt once before any comes again, and share the prefix of its group alone', async () => {
    const turns = (await arrivalsOf([{ rate: 1, seconds: 12, arrivals: 'constant' }])).map(({ turn }) => turn);
    const questions = turns.map(({ parts }) => parts[1]?.id ?? -1);
    expect(new Set(questions.slice(0, 6)).size).toBe(6);
    expect(questions.slice(6)).toEqual(questions.slice(0, 6));
    const groups = Map.groupBy(turns.slice(0, 6), ({ parts }) => parts[0]?.id);
    expect([...groups.values()].map((group) => group.length)).toEqual([3, 3]);
    expect(new Set([...questions, ...groups.keys()]).size).toBe(8);
    // The prefix of two groups and six questions are fresh; then nothing is.
    const fresh = turns.map(({ freshTokens }) => freshTokens);
    expect(fresh.slice(0, 6).reduce((sum, tokens) => sum + tokens, 0)).toBe(2 * 1000 + 6 * 50);
    expect(fresh.slice(6)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('refuse more prompts than an order can be made of', () => {
    const tooMany = {
      kind: 'stages',
      stages: [{ rate: 1, seconds: 1 }],
      prompts: { groups: 1001, promptsPerGroup: 1000 },
    };
    expect(() => stagesSchema.parse(tooMany)).toThrow('groups × promptsPerGroup is at most 1000000');
  });
});
