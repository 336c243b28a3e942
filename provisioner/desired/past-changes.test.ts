import { expect, it } from 'vitest';
import type { PastChange } from '#shared/contract/status.ts';
import { changesMax, timeToReady } from '#shared/contract/time-to-ready.ts';
import { PastChanges } from './past-changes.ts';

const here = [{ accelerator: 'gpu-h100x1-80gb', model: 'mistralai/Small' }];
const there = [{ accelerator: 'gpu-mi300x1-192gb', model: 'qwen/Coder' }];
const change = (minute: number, stepMs: PastChange['stepMs'], { groups = here, team = 'alpha' } = {}) => ({
  team,
  change: { at: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(), groups, stepMs },
});

it('keeps the newest of each kind: many renames push no creation out', () => {
  const past = new PastChanges();
  const renames = Array.from({ length: 100 }, (_, index) => change(100 + index, { proof: 1000 }));
  const creates = Array.from({ length: 30 }, (_, index) => change(index, { capacity: 1000, load: 1000 * index }));
  past.replace([...renames, ...creates]);
  const near = past.near('alpha', here);
  expect(near).toHaveLength(2 * changesMax);
  const time = timeToReady(near, { groups: here, step: 'capacity', inStepMs: 0 });
  expect(time).toMatchObject({ medianMs: 20_000, changes: changesMax });
});

it('knows of other groups as far as nothing is more like, and forgets what no status tells any more', () => {
  const past = new PastChanges();
  past.replace([change(1, { capacity: 1 }), change(2, { capacity: 2 }, { groups: there })]);
  expect(past.near('alpha', there).map(({ groups }) => groups)).toEqual(expect.arrayContaining([here, there]));
  expect(past.near('alpha', there)).toHaveLength(2);
  past.replace([]);
  expect(past.near('alpha', there)).toEqual([]);
});

it('tells no team which models another one deploys: those changes count for their GPUs', () => {
  const past = new PastChanges();
  past.replace([change(1, { capacity: 1 }), change(2, { capacity: 2 }, { team: 'beta' })]);
  const likenessFor = (team: string) =>
    timeToReady(past.near(team, here), { groups: here, step: 'capacity', inStepMs: 0 });
  expect(likenessFor('alpha')).toEqual({ medianMs: 1, p90Ms: 1, likeness: 'model', changes: 1 });
  expect(likenessFor('gamma')).toEqual({ medianMs: 1, p90Ms: 2, likeness: 'accelerator', changes: 2 });
});
