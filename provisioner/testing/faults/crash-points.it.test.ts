import { describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { countCalls, everyPoint, somePoints, type ChoosePoints } from './crash-point.ts';
import { DieByKill } from './die-by-kill.ts';
import { DieByThrowing } from './die-by-throwing.ts';
import { startStandInLab } from './stand-in-lab.ts';
import { sweep, type SweepResult } from './sweep.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver for crashes of the provisioner');

/** `FAIRWAY_SEED` repeats a run. */
const seed = Number(process.env['FAIRWAY_SEED'] ?? Math.floor(Math.random() * 1e6));

/** `FAIRWAY_FAULTS=whole` takes every point. */
const whole = process.env['FAIRWAY_FAULTS'] === 'whole';
const some = (count: number, by = seed): ChoosePoints => (whole ? everyPoint : somePoints(count, by));
const nodes = whole ? 40 : 12;

function judge(results: readonly SweepResult[]): void {
  const told = results.map(({ operation, points, died, converged, moreWrites }) => {
    return `${operation}: ${died} of ${points} points reached, ${converged} converged, ${moreWrites} more writes at most`;
  });
  console.log(`seed ${seed}\n${told.join('\n')}`);
  const problems = results.flatMap(({ operation, problems: all }) => all.map((problem) => `${operation}, ${problem}`));
  expect(problems, `seed ${seed}`).toEqual([]);
  const sum = (of: 'points' | 'died'): number => results.reduce((total, result) => total + result[of], 0);
  // An operation may be over before it comes to its last calls.
  expect(sum('died')).toBeGreaterThanOrEqual(sum('points') / 2);
}

it('whatever call a provisioner dies at, its successor comes to the same end', async () => {
  await using lab = await startStandInLab({ nodes });
  const plan = { calls: await countCalls(lab), choose: some(12) };
  judge(await sweep(lab, plan, new DieByThrowing(lab)));
}, 600_000);

describe('on a real API server', unless, () => {
  it('whatever call a provisioner dies at, or is killed at, its successor comes to the same end', async () => {
    await using lab = await startStandInLab({ nodes, binaries });
    const calls = await countCalls(lab);
    judge(await sweep(lab, { calls, choose: some(3) }, new DieByThrowing(lab)));
    judge(await sweep(lab, { calls, choose: some(2, seed + 1) }, new DieByKill(lab)));
  }, 3_600_000);
});
