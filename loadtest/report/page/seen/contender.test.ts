import { expect, it } from 'vitest';
import { contendersOf, overSeeds, ratioTo, type Contender } from './contender.ts';
import { answer, seenRun } from './testing/seen-run.ts';

it('groups runs by everything but their seed, and tells commits apart', async () => {
  const groups = contendersOf([
    await seenRun({ about: { name: 'small, seed 2' }, scenario: { seed: 2 } }),
    await seenRun({ about: { commit: 'beef' } }),
    await seenRun(),
    await seenRun({ about: { name: 'other' }, scenario: { policy: 'aibrix' } }),
  ]);
  expect(groups.map(({ label, runs }) => [label, ...runs.map((run) => run.about.scenario.seed)])).toEqual([
    ['small (abcd)', 1, 2],
    ['small (beef)', 1],
    ['other', 1],
  ]);
});

it('takes ratios seed by seed, as geometric means', async () => {
  const context = async (seed: number, promptTokens: number): Promise<Contender['runs'][0]> =>
    seenRun({ scenario: { seed }, requests: [{ ...answer, promptTokens }] });
  const base: Contender = { label: 'a', runs: [await context(1, 100), await context(2, 1000)] };
  const other: Contender = { label: 'b', runs: [await context(1, 200), await context(2, 4000), await context(3, 1)] };
  const value = (figures: { meanContext: number }): number => figures.meanContext;
  expect(overSeeds(base, value)).toEqual({ middle: 550, least: 100, most: 1000 });
  const ratio = ratioTo(base, other, value);
  expect([ratio?.middle.toFixed(6), ratio?.least, ratio?.most]).toEqual([Math.sqrt(8).toFixed(6), 2, 4]);
  expect(ratioTo(base, { label: 'c', runs: [await context(9, 1)] }, value)).toBeUndefined();
});
