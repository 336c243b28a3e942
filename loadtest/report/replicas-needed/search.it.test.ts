import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CellRuns } from '#loadtest/virtual/marks/cell-runs.ts';
import { readNeeded, writeNeeded } from './needed-file.ts';
import { searchNeeded } from './search.ts';

it('searches with real runs of small fleets, each size with the same seeds, and keeps what it found', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'fairway-needed-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const runs = new CellRuns({ commit: 'test', folder, processes: 2 });
  const load = { engineers: 40, minutes: 2, warmUpMinutes: 1, seeds: [1] };
  const heard: string[] = [];
  const contenders = await searchNeeded(runs, { load, most: 2 }, (line) => heard.push(line));
  expect(contenders.map(({ label }) => label)).toEqual(['affinity, 4 routers', 'aibrix, 1 router']);
  for (const { needed, tried } of contenders) {
    expect(tried.map(({ replicas, soon }) => [replicas, soon.length])).toEqual([
      [2, 2],
      [1, 2],
    ]);
    const enough = tried.filter(({ soon }) => (soon[0] ?? 0) + (soon[1] ?? 0) >= 1.8);
    expect(needed).toBe(Math.min(...enough.map(({ replicas }) => replicas)));
  }
  expect(heard).toHaveLength(4);
  const file = join(folder, 'needed.json');
  const found = { v: 1, commit: '', command: '', startedAt: '', load: '', share: 0.9, seeds: [1], preset: '' } as const;
  await writeNeeded(file, { ...found, seeds: [1], contenders });
  expect((await readNeeded(file)).contenders).toEqual(contenders);
});
