import { describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { countCalls, everyPoint, somePoints, type ChoosePoints } from './crash-point.ts';
import { DieByKill } from './die-by-kill.ts';
import { DieByThrowing } from './die-by-throwing.ts';
import { startStandInLab } from './stand-in-lab.ts';
import { sweep, type SweepResult, type WayToDie } from './sweep.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver for crashes of the provisioner');

/** `FAIRWAY_SEED` repeats a run. */
const seed = Number(process.env['FAIRWAY_SEED'] ?? Math.floor(Math.random() * 1e6));

/** `FAIRWAY_FAULTS=whole` takes every point. */
const whole = process.env['FAIRWAY_FAULTS'] === 'whole';
const some = (count: number): ChoosePoints => (whole ? everyPoint : somePoints(count, seed));
const nodes = whole ? 40 : 12;

/** One life shows each operation in one of the ways, by the seed. */
function eitherOf(ways: readonly [WayToDie, WayToDie]): () => WayToDie {
  const random = seededRandom(seed + 1);
  return () => (random() < 0.5 ? ways[0] : ways[1]);
}

function judge(results: readonly SweepResult[]): void {
  const told = results.map(({ operation, points, died, converged, moreWrites }) => {
    const writes =
      moreWrites === undefined ? 'writes of killed processes not counted' : `${moreWrites} more writes at most`;
    return `${operation}: ${died} of ${points} points reached, ${converged} converged, ${writes}`;
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
  const way = new DieByThrowing(lab);
  judge(await sweep(lab, plan, () => way));
}, 600_000);

describe('on a real API server', unless, () => {
  it('whatever call a provisioner dies at, or is killed at, its successor comes to the same end', async () => {
    await using lab = await startStandInLab({ nodes, binaries });
    const plan = { calls: await countCalls(lab), choose: some(3) };
    const ways = [new DieByThrowing(lab), new DieByKill(lab)] as const;
    if (whole) for (const way of ways) judge(await sweep(lab, plan, () => way));
    else judge(await sweep(lab, plan, eitherOf(ways)));
  }, 3_600_000);
});
