import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scenarioSchema } from '#loadtest/virtual/scenario.ts';
import { simulate } from '#loadtest/virtual/simulate.ts';
import { aboutRun } from './about-run.ts';
import { Observer } from './figures.ts';
import { readRun, RunFolder, type KeptRun, type Sample } from './run-folder.ts';

it('what is kept of a run comes to the figures that it came to', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'fairway-run-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const scenario = scenarioSchema.parse({ engineers: 30, replicas: 2, routers: 2, minutes: 3, warmUpMinutes: 1 });
  const about = await aboutRun({ name: 'small', mode: 'virtual', scenario });
  const kept = await RunFolder.create(folder, about);
  const figures = await simulate(scenario, kept);
  await kept.ended(figures);
  await kept[Symbol.asyncDispose]();

  const run = await readRun(folder);
  expect([run.about, run.figures]).toEqual([about, figures]);
  const observer = new Observer(60_000);
  for await (const record of run.requests()) observer.add(record);
  const { inFlightMax } = figures;
  expect(observer.figures(180_000)).toEqual({ ...figures, inFlightMax: 0 });
  let samples = 0;
  for await (const { inFlight, queued } of run.samples()) {
    expect([inFlight.length, queued]).toEqual([2, 0]);
    samples += 1;
  }
  expect([samples, inFlightMax > 0]).toEqual([18, true]);
});

it('half a last line is passed over, any other that is no JSON is named; no figures are a run that broke off', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'fairway-run-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'run.json'), '{}');
  const file = join(folder, 'samples.jsonl');
  await writeFile(file, '{"at":1,"inFlight":[]}\n{"at":2,"inF');
  const run = await readRun(folder);
  expect(run.figures).toBeUndefined();
  expect(await samplesOf(run)).toEqual([{ at: 1, inFlight: [] }]);
  await appendFile(file, '\n{"at":3,"inFlight":[]}\n');
  await expect(samplesOf(run)).rejects.toThrow(`${file}, line 2: no JSON`);
  await writeFile(join(folder, 'figures.json'), '{"hits":null}');
  expect((await readRun(folder)).figures?.hits).toBeNaN();
});

async function samplesOf(run: KeptRun): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const sample of run.samples()) samples.push(sample);
  return samples;
}
