import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import { readRun, type Sample } from '#loadtest/record/run-folder.ts';
import { scenarioSchema, type Fault } from '#loadtest/virtual/scenario.ts';
import { simulate } from '#loadtest/virtual/simulate.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { runLoad } from './command/run-load.ts';
import { gapOf } from './gap.ts';
import { playOnSockets } from './play-on-sockets.ts';

const started = endAfterEach();

/** A sample of `sockets.ts`, of which `loadtest/report/sockets-beside-virtual.md` keeps whole runs: ten times as fast, and no times. */
const scenario = scenarioSchema.parse({
  engineers: 20,
  replicas: 2,
  routers: 2,
  kvBlockTokens: 16,
  minutes: 8,
  warmUpMinutes: 2,
});

it('real routers, sockets and bodies hit caches as often as the same scenario does in virtual time', async () => {
  const expected = await simulate(scenario);
  const { figures } = (await playOnSockets(scenario, { timeScale: 0.1 }))!;
  expect(figures).toMatchObject({ refused: 0, broken: 0 });
  expect(figures.meanContext / expected.meanContext).toBeCloseTo(1, 1);
  expect(Math.abs(gapOf(expected, figures).hitPoints)).toBeLessThan(2);
});

it('processes that die are there again, and the others work on', async () => {
  const faults: Fault[] = [
    { kind: 'slow', at: 20, replicas: 1, factor: 2 },
    { kind: 'kill-replica', at: 60, index: 1, seconds: 10 },
    { kind: 'kill-router', at: 90, index: 0, seconds: 10 },
    { kind: 'pause-router', at: 120, index: 1, seconds: 2 },
    { kind: 'redis', at: 140, seconds: 20 },
    { kind: 'flood', at: 200, clients: 2 },
  ];
  const records: RequestRecord[] = [];
  const samples: Sample[] = [];
  const watcher = {
    request: (record: RequestRecord) => void records.push(record),
    sample: (sample: Sample) => void samples.push(sample),
  };
  const played = await playOnSockets(
    { ...scenario, minutes: 5, warmUpMinutes: 0, faults },
    { timeScale: 0.2, watcher },
  );
  const doneBetween = (from: number, to: number): number =>
    records.filter(({ outcome, askedAt, lastAt }) => outcome === 'done' && askedAt >= 1000 * from && lastAt < 1000 * to)
      .length;
  for (const [from, to] of [
    [0, 60],
    [60, 90],
    [90, 120],
    [120, 140],
    [140, 200],
    [200, 300],
  ] as const)
    expect(doneBetween(from, to), `from ${from} to ${to} s`).toBeGreaterThan(0);
  expect(records.some(({ client }) => client === 'flood')).toBe(true);
  expect(played?.figures.target?.processes).toBe(2);
  expect(samples.some(({ inFlight: [one = 0, other = 0] }) => one + other > 0)).toBe(true);
});

it('a declared scenario is played by processes, and what there is is kept when it is ended', async () => {
  const folder = await started.folder('fairway-load-');
  const stop = new AbortController();
  const terminal = { out: () => {}, progress: () => stop.abort(), signal: stop.signal };
  expect(await runLoad(`redis-loss --time-scale 0.2 --seed 1 --keep ${folder}`.split(' '), terminal)).toBe(130);
  const [run = ''] = await readdir(folder);
  const kept = await readRun(join(folder, run));
  expect(kept.about).toMatchObject({
    mode: 'sockets',
    command: 'npm run load -- redis-loss --seed 1 --time-scale 0.2',
  });
  expect(await firstOf(kept.requests())).toMatchObject({ client: expect.stringContaining('engineer-') });
});

it('what only virtual time has is refused', async () => {
  await expect(playOnSockets({ ...scenario, policy: 'kubeai' })).rejects.toThrow('a rule of virtual time alone');
});

async function firstOf<Value>(values: AsyncIterable<Value>): Promise<Value | undefined> {
  for await (const value of values) return value;
  return undefined;
}
