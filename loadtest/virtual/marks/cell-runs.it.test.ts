import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { scenarioSchema } from '../scenario.ts';
import { simulate } from '../simulate.ts';
import { CellRuns } from './cell-runs.ts';

it('a run that was made before is not made again, and comes to the same in a process of its own', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'fairway-marks-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const runs = new CellRuns({ commit: 'test', folder, processes: 2 });
  const cells = { tiny: { engineers: 10, replicas: 1, minutes: 2, warmUpMinutes: 1 } };
  const first = await runs.all(cells, [1, 2]);
  expect(first.tiny[0]).toEqual(await simulate(scenarioSchema.parse({ ...cells.tiny, seed: 1 })));
  const files = await readdir(folder);
  expect(await runs.all(cells, [2, 1])).toEqual({ tiny: first.tiny.toReversed() });
  expect(await readdir(folder)).toEqual(files);
}, 60_000);
