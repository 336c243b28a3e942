import { expect, it } from 'vitest';
import { Observer, type Figures } from '#loadtest/record/figures.ts';
import { judge, markSchema } from './mark.ts';

/** Of a run with this share of hits and this p99, seconds. */
function figures(hits: number, p99: number): Figures {
  const nothing = new Observer(0).figures(1);
  return { ...nothing, hits, ttft: { ...nothing.ttft, p99 } };
}

const runs = { own: [figures(0.9, 4), figures(0.96, 1)], other: [figures(0.95, 2), figures(0.93, 2)] };
const mark = (text: object): ReturnType<typeof markSchema.parse> =>
  markSchema.parse({ mark: 'a mark', from: 'a test', ...text });

it('a mark is judged by the mean over the seeds, and tells the least and the most of them', () => {
  const judged = judge(mark({ figure: 'hits', atLeast: 93 }), 'own', runs);
  expect(judged).toEqual({ mark: 'a mark', goal: '≥ 93 %', measured: '93 % (90 to 96)', holds: true });
  expect(judge(mark({ figure: 'hits', atLeast: 93.1 }), 'own', runs).holds).toBe(false);
});

it('twice as long with one seed and half as long with another is a ratio of one', () => {
  const judged = judge(mark({ figure: 'ttftP99', ratioTo: 'other', atMost: 1 }), 'own', runs);
  expect([judged.measured, judged.goal, judged.holds]).toEqual(['1× (0.50 to 2)', '≤ 1×', true]);
});

it('a loss is what the run beside it has more, seed by seed', () => {
  const judged = judge(mark({ figure: 'hits', lossFrom: 'other', atMost: 0.9 }), 'own', runs);
  expect([judged.measured, judged.goal, judged.holds]).toEqual(['1 points (-3 to 5)', '≤ 0.9 points', false]);
});

it('what was not measured does not hold', () => {
  expect(judge(mark({ figure: 'hits', lossFrom: 'nobody', atMost: 1 }), 'own', runs).holds).toBe(false);
  expect(judge(mark({ figure: 'hits', atLeast: 0 }), 'nobody', runs).holds).toBe(false);
});

it('a mark has one bound, and is compared once', () => {
  for (const text of [{}, { atMost: 1, atLeast: 1 }, { atMost: 1, ratioTo: 'a', lossFrom: 'b' }])
    expect(markSchema.safeParse({ mark: 'a', from: 'b', figure: 'hits', ...text }).success).toBe(false);
});
