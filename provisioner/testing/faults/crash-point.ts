import { seededRandom } from '#shared/runtime/seeded-random.ts';
import type { ProvisionerLab } from '../provisioner-lab.ts';
import { watchCalls } from './external-calls.ts';
import { newEndpoint, operations, untilDone } from './operations.ts';

/** Right before or right after the n-th call of an operation, counted from 1. */
export interface CrashPoint {
  call: number;
  moment: 'before' | 'after';
}

/** Which of the points of an operation with so many calls are tried. */
export type ChoosePoints = (calls: number) => CrashPoint[];

/** All of them. */
export const everyPoint: ChoosePoints = (calls) =>
  Array.from({ length: calls * 2 }, (_, index) => ({
    call: Math.floor(index / 2) + 1,
    moment: index % 2 === 0 ? 'before' : 'after',
  }));

/** So many of them, by a seed. */
export function somePoints(count: number, seed: number): ChoosePoints {
  const random = seededRandom(seed);
  return (calls) => {
    const points = everyPoint(calls).map((point) => ({ point, order: random() }));
    return points
      .toSorted((left, right) => left.order - right.order)
      .slice(0, count)
      .map(({ point }) => point);
  };
}

/** How many calls each operation takes where nothing dies. */
export async function countCalls(lab: ProvisionerLab): Promise<ReadonlyMap<string, number>> {
  let made = 0;
  await using _provisioner = await lab.start({}, watchCalls({ before: () => void (made += 1), after() {} }));
  const calls = new Map<string, number>();
  let spec = newEndpoint(lab);
  for (const { name, after } of operations) {
    spec = after(spec);
    await untilDone(lab, spec, await lab.publish(spec));
    calls.set(name, made);
    made = 0;
  }
  return calls;
}
