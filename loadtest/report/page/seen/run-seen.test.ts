import { expect, it } from 'vitest';
import { Distribution } from './numbers.ts';
import { answer, seenRun } from './testing/seen-run.ts';

it('puts each request into its time, and what counts into times and tokens', async () => {
  const run = await seenRun({
    requests: [
      { ...answer, askedAt: 0, firstAt: 100, lastAt: 59_999 },
      answer,
      { ...answer, firstAt: 75_000, lastAt: 95_000, outputTokens: 1 },
      { ...answer, outcome: 'refused', code: '429', lastAt: 180_001 },
      { ...answer, client: 'flood' },
    ],
  });
  const { slices, sliceMs, tokens, flooded } = run;
  expect([sliceMs, slices.length, flooded]).toEqual([10_000, 18, 1]);
  expect(slices.map(({ done }) => done).join('')).toBe('000001010100000000');
  expect([slices[7]?.good, slices[9]?.good]).toEqual([1, 0]);
  expect(tokens).toEqual({ prompt: 2000, cached: 1800, output: 42 });
  expect([...run.ttftMs.values()]).toEqual([500, 5000]);
  expect(new Distribution(run.itlMs).quantile(1)).toBe(50);
  expect([...run.e2eMs.values()]).toEqual([2500, 25_000]);
});

it('says of each replica what it had after the warm-up', async () => {
  const samples = [
    { at: 10_000, inFlight: [100, 100], queued: 50 },
    { at: 70_000, inFlight: [4, 0], queued: 3 },
    { at: 80_000, inFlight: [2, 0], queued: 1 },
  ];
  const { replicas, queuedMax } = await seenRun({ samples });
  expect(replicas).toEqual([
    { mean: 3, max: 4, idle: 0 },
    { mean: 0, max: 0, idle: 1 },
  ]);
  expect(queuedMax).toBe(3);
});

it('a run that broke off counts until its last line', async () => {
  const requests = [answer, { ...answer, lastAt: 90_000 }];
  const run = await seenRun({ brokenOff: true, requests, samples: [{ at: 80_000, inFlight: [1] }] });
  expect([run.brokenOff, run.until, run.figures.requestsPerSecond]).toEqual([true, 90_000, 2 / 30]);
});
