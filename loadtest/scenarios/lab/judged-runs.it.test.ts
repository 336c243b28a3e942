import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { aboutRun } from '#loadtest/record/about-run.ts';
import { Observer } from '#loadtest/record/figures.ts';
import { RunFolder } from '#loadtest/record/run-folder.ts';
import { readDeclaration, runsOf } from '../declared/declaration.ts';
import { keptName } from '../declared/kept-name.ts';
import { judgedRuns } from './judged-runs.ts';
import { labTable } from './lab-table.ts';

const declaration = readDeclaration(
  'fast.json',
  JSON.stringify({
    shows: 'A test.',
    seconds: 1,
    scenario: {},
    beside: { other: { routers: 2 } },
    marks: [{ mark: 'good', figure: 'good', ratioTo: 'other', atLeast: 1.5, from: 'a test' }],
  }),
);

it('judges what is kept, seed by seed, and says how to repeat it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fairway-lab-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  expect(await judgedRuns(declaration, folder)).toEqual([]);
  await keep(folder, { run: 'fast', seed: 102, good: 0.8 });
  await keep(folder, { run: 'fast', seed: 101, good: 0.8 });
  await keep(folder, { run: 'other', seed: 101, good: 0.4 });
  await expect(judgedRuns(declaration, folder)).rejects.toThrow('fast-other-seed-102');
  await keep(folder, { run: 'other', seed: 102, good: 0.4 });
  const marks = await judgedRuns(declaration, folder);
  const command = expect.stringMatching(/^`npm run load -- fast --virtual --seeds 101,102` at /);
  expect(marks).toEqual([{ what: 'fast: good', goal: '≥ 1.5×', measured: '2× (2 to 2)', holds: true, command }]);
  expect(labTable({ benches: [], marks })).toContain('| fast: good | ≥ 1.5× | 2× (2 to 2) | yes |');
});

async function keep(folder: string, { run, seed, good }: { run: string; seed: number; good: number }): Promise<void> {
  const scenario = runsOf(declaration, { seed })[run];
  if (scenario === undefined) throw new Error(`no run ${run}`);
  const about = await aboutRun({ name: run, mode: 'virtual', scenario });
  await using kept = await RunFolder.create(join(folder, keptName('fast', run, seed)), about);
  await kept.ended({ ...new Observer(0).figures(1), good });
}
