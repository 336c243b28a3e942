import { describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { countCalls, somePoints } from './crash-point.ts';
import { DieByKill } from './die-by-kill.ts';
import { DieByThrowing } from './die-by-throwing.ts';
import { startStandInLab } from './stand-in-lab.ts';
import { sweep, type SweepResult } from './sweep.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver for crashes of the provisioner');

/** `FAIRWAY_SEED` repeats a run. */
const seed = Number(process.env['FAIRWAY_SEED'] ?? Math.floor(Math.random() * 1e6));

function judge(results: readonly SweepResult[]): void {
  const reached = results.map(({ operation, points, died }) => `${operation} ${died}/${points}`);
  console.log(`seed ${seed}: ${reached.join(', ')}`);
  const problems = results.flatMap(({ operation, problems: all }) => all.map((problem) => `${operation}, ${problem}`));
  expect(problems, `seed ${seed}`).toEqual([]);
  const sum = (of: 'points' | 'died'): number => results.reduce((total, result) => total + result[of], 0);
  // An operation may be over before it comes to its last calls.
  expect(sum('died')).toBeGreaterThanOrEqual(sum('points') / 2);
}

it('whatever call a provisioner dies at, its successor comes to the same end', async () => {
  await using lab = await startStandInLab({ nodes: 12 });
  const plan = { calls: await countCalls(lab), choose: somePoints(12, seed) };
  judge(await sweep(lab, plan, new DieByThrowing(lab)));
}, 120_000);

describe('on a real API server', unless, () => {
  it('whatever call a provisioner dies at, or is killed at, its successor comes to the same end', async () => {
    await using lab = await startStandInLab({ nodes: 6, binaries });
    const calls = await countCalls(lab);
    judge(await sweep(lab, { calls, choose: somePoints(3, seed) }, new DieByThrowing(lab)));
    judge(await sweep(lab, { calls, choose: somePoints(2, seed + 1) }, new DieByKill(lab)));
  }, 240_000);
});
