import { expect, it } from 'vitest';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import { contendersOf } from './seen/contender.ts';
import { costOf } from './cost.ts';
import { costSection } from './cost-section.ts';
import { gpuPriceOf } from './gpu-price.ts';
import type { RunSeen } from './seen/run-seen.ts';
import { answer, seenRun } from './seen/testing/seen-run.ts';

const minute = 60_000;
/** Two replicas for an hour after the warm-up; the second has nothing in half of the samples. */
const scenario = { minutes: 61, preset: { name: '30b-a3b-h200' } };
const samples = [
  { at: 2 * minute, inFlight: [1, 0] },
  { at: 3 * minute, inFlight: [1, 1] },
];

function runOf(policy: string, answers: number, changes: Partial<RequestRecord> = {}): Promise<RunSeen> {
  const requests = Array.from({ length: answers }, () => ({ ...answer, ...changes }));
  return seenRun({ about: { name: policy }, scenario: { ...scenario, policy }, requests, samples });
}

it('divides what all GPUs cost by what was answered', async () => {
  const run = await runOf('affinity', 1000);
  const price = gpuPriceOf(run.about);
  expect(price).toMatchObject({ gpus: 1, perHour: 4.47 });
  const cost = costOf(run, { gpus: 2, perHour: 10, source: '' });
  const { all, input, output } = cost.perMillion;
  expect([cost.gpuHours, cost.dollars, cost.idleDollars, cost.perThousandGood]).toEqual([4, 20, 5, 20]);
  expect([all.toFixed(4), input, output.toFixed(4)]).toEqual([(20 / 1.041).toFixed(4), 20, (20 / 0.041).toFixed(4)]);
});

it('knows GPUs by the preset, and does not guess', async () => {
  const priceOf = async (name: string): Promise<unknown> =>
    gpuPriceOf((await seenRun({ scenario: { preset: { name } } })).about);
  expect(await priceOf('70b-tp8-h100')).toMatchObject({ gpus: 8, perHour: 30.32 });
  expect(await priceOf('32b-tp2-h100')).toMatchObject({ gpus: 2, perHour: 8.82 });
  expect(await priceOf('something')).toBeUndefined();
  const { says, tables } = costSection(contendersOf([await seenRun({ requests: [answer] })]));
  expect(says.join(' ')).toContain('not known: say it with --gpu-price');
  expect(tables[0]?.rows.find(([name]) => name === 'GPUs, $')).toEqual(['GPUs, $', 'unknown']);
});

it('says what the first saves beside each other, or that it saves nothing', async () => {
  const runs = [await runOf('affinity', 1000), await runOf('aibrix', 500)];
  const [saves] = costSection(contendersOf(runs)).says;
  expect(saves).toContain('Simulated: affinity saves 50.0 % of what a token costs with aibrix');
  expect(saves).toContain('($8.59 instead of $17.2 per million tokens');
  expect(saves).toContain('fleet of $6,526 a month serves at this load would cost $6,526 a month more');
  const [loses] = costSection(contendersOf(runs.toReversed())).says;
  expect(loses).toContain('aibrix saves nothing beside affinity: a token costs 100.0 % more');
});

it('does not compare what had other work to do', async () => {
  const other = await seenRun({
    about: { name: 'other' },
    scenario: { ...scenario, engineers: 9 },
    requests: [answer],
  });
  const [says] = costSection(contendersOf([await runOf('affinity', 1), other])).says;
  expect(says).toContain('their costs are not compared');
});
