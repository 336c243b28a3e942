import { expect, it } from 'vitest';
import { scenarioSchema } from '#loadtest/virtual/scenario.ts';
import { simulate } from '#loadtest/virtual/simulate.ts';
import { collected, traceFile } from '../testing/trace-file.ts';
import { azureHeader } from './azure.ts';
import { traceArrivals } from './trace-arrivals.ts';

/** Half a minute apart, so that each finds in the cache whatever was before it. */
const small = [
  { input_length: 1024, hash_ids: [0, 1] },
  { input_length: 1536, hash_ids: [0, 1, 2] },
  { input_length: 1024, hash_ids: [0, 3] },
  { input_length: 1300, hash_ids: [4, 5, 6] },
  // A block behind another prefix is another block.
  { input_length: 1024, hash_ids: [7, 1] },
];
const smallText = small
  .map((row, index) => JSON.stringify({ timestamp: 90_000 + 30_000 * index, output_length: 0, ...row }))
  .join('\n');
const promptTokens = 1024 + 1536 + 1024 + 1300 + 1024;
/** Two blocks of the first request in the second, one in the third. */
const sharedTokens = 1024 + 512;

it('a Mooncake trace comes from its first request on, as fast as it is asked to, with what is fresh in it', async () => {
  const arrivals = await collected(traceArrivals({ file: await traceFile(smallText), speed: 10, blockTokens: 512 }));
  expect(arrivals.map(({ atMs }) => atMs)).toEqual([0, 3000, 6000, 9000, 12_000]);
  expect(arrivals.map(({ turn }) => turn.freshTokens)).toEqual([1024, 512, 512, 1300, 1024]);
  expect(arrivals[3]?.turn.parts.map(({ kind, tokens }) => [kind, tokens])).toEqual([
    ['system', 512],
    ['question', 512],
    ['question', 276],
  ]);
});

it('prompts of an Azure trace share nothing', async () => {
  const file = await traceFile([azureHeader, '2023-11-16 18:17:03,512,4', '2023-11-16 18:17:04.5,512,4'].join('\n'));
  const arrivals = await collected(traceArrivals({ file, speed: 1, blockTokens: 512 }));
  expect(arrivals.map(({ atMs, turn }) => [atMs, turn.freshTokens])).toEqual([
    [0, 512],
    [1500, 512],
  ]);
  const ids = arrivals.flatMap(({ turn }) => [...turn.parts, turn.answer].map(({ id }) => id));
  expect(new Set(ids).size).toBe(4);
});

it('with a cache that never evicts a replay has exactly the hits that the trace allows', async () => {
  const workload = { kind: 'trace', file: await traceFile(smallText) } as const;
  const run = { workload, replicas: 2, minutes: 3, warmUpMinutes: 0, kvTokens: 1_000_000 };
  const figures = await simulate(scenarioSchema.parse(run));
  expect(figures.hits).toBeCloseTo(sharedTokens / promptTokens, 10);
  expect([figures.amplification, figures.meanContext]).toEqual([1, promptTokens / small.length]);
});
