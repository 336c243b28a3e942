import fc from 'fast-check';
import { expect, it } from 'vitest';
import { phases, type StatusDocument } from '#shared/contract/status.ts';
import { SampleCluster, revised } from '../testing/sample-cluster.ts';
import { sampleOnOtherGpus, sampleSpec } from '../testing/sample-endpoint.ts';

const isTrue = (type: string) => ({ type, status: 'True' });
const scheduled = [isTrue('PodScheduled')];
/** What a pod passes on its way to being ready, as its status tells it. */
const stages = [
  { conditions: [], containerStatuses: [] },
  { conditions: scheduled, containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }] },
  { conditions: scheduled, containerStatuses: [{ started: false, state: { running: {} } }] },
  { conditions: scheduled, containerStatuses: [{ started: true, state: { running: {} } }] },
  {
    conditions: [...scheduled, isTrue('ContainersReady'), isTrue('Ready')],
    containerStatuses: [{ started: true, state: { running: {} } }],
  },
];

/** A cluster whose pods come up one stage at a time, each when it is told. */
class SlowCluster extends SampleCluster {
  readonly #stages = new Map<string, number>();

  /** Controllers act, and each of these pods, by its place, gets one stage further. */
  pass(places: readonly number[]): void {
    this.settle();
    const names = [...this.objects.values()].filter(({ kind }) => kind === 'Pod').map(({ metadata }) => metadata.name);
    for (const [place, name] of names.toSorted().entries()) {
      const before = this.#stages.get(name) ?? 0;
      const stage = Math.min(before + (places.includes(place) ? 1 : 0), stages.length - 1);
      this.#stages.set(name, stage);
      this.changePods(stages[stage] ?? {}, (one) => one === name);
    }
  }
}

const changes = [sampleSpec(3), sampleSpec(5), sampleSpec(2), sampleOnOtherGpus(3), sampleSpec(2, { name: 'renamed' })];

const rankOf = (status: StatusDocument | null): number => phases.indexOf(status?.phase ?? 'capacity');

it('a change never loses a step that it has passed while no replica restarts, however its replicas come up', () => {
  const look = fc.record({
    places: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]),
    steps: fc.constantFrom(0, 1, 2, Number.POSITIVE_INFINITY),
    change: fc.oneof(
      { weight: 30, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constantFrom(...changes) },
    ),
  });
  let finished = 0;
  fc.assert(
    fc.property(fc.array(look, { minLength: 40, maxLength: 120 }), (looks) => {
      const cluster = new SlowCluster();
      cluster.desired = revised(sampleSpec(2), 1);
      let revision = 1;
      let before: StatusDocument | null = null;
      for (const { places, steps, change } of looks) {
        if (change !== null) cluster.desired = revised(change, (revision += 1));
        cluster.now += 1000;
        cluster.look(steps);
        cluster.pass(places);
        const { document } = cluster.status;
        const sameChange = before !== null && before.changeSince === document?.changeSince;
        if (sameChange) expect(rankOf(document)).toBeGreaterThanOrEqual(rankOf(before));
        if (document?.state === 'active' && before?.state !== 'active') finished += 1;
        before = document;
      }
    }),
    { numRuns: 60 },
  );
  // It was not true for want of changes that came about.
  expect(finished).toBeGreaterThan(60);
});
