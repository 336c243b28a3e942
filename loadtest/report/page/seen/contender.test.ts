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

it('leaves out of names what they have in common at the end, but for the last word', async () => {
  const named = async (...names: string[]): Promise<string[]> => {
    const runs = names.map((name) => seenRun({ about: { name }, scenario: { policy: name } }));
    return contendersOf(await Promise.all(runs)).map(({ label }) => label);
  };
  expect(await named('a, 4 routers, 9 engineers, seed 1', 'b, 9 engineers, seed 1')).toEqual(['a, 4 routers', 'b']);
  expect(await named('a, x, seed 1', 'x, seed 1')).toEqual(['a, x', 'x']);
  expect(await named('a, x, seed 1')).toEqual(['a, x']);
});

it('pairs rounds of one seed in their order', async () => {
  const round = async (promptTokens: number): Promise<Contender['runs'][0]> =>
    seenRun({ requests: [{ ...answer, promptTokens }] });
  const [base, other]: Contender[] = [
    { label: 'a', runs: [await round(100), await round(1000)] },
    { label: 'b', runs: [await round(200), await round(4000), await round(7)] },
  ];
  const ratio = base && other && ratioTo(base, other, ({ meanContext }) => meanContext);
  expect([ratio?.least, ratio?.most]).toEqual([2, 4]);
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
