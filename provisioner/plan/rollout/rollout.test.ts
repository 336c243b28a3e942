import { describe, expect, it } from 'vitest';
import { replicasOf, revised, SampleCluster, statesOf } from '../../testing/sample-cluster.ts';
import { sampleIds, sampleNow, sampleOnOtherGpus, sampleSettings, sampleSpec } from '../../testing/sample-endpoint.ts';
import { planEndpoint } from '../plan.ts';
import { runScenario } from '../../testing/rollouts/rollout-scenario.ts';

/** An active endpoint on nodes with so many GPUs. */
function on(gpus: number[], scale: number): SampleCluster {
  const cluster = new SampleCluster();
  cluster.nodes.gpus.clear();
  for (const [index, count] of gpus.entries()) cluster.nodes.gpus.set(`node-${index}`, count);
  cluster.desired = revised(sampleSpec(scale), 1);
  cluster.lingers = true;
  cluster.run();
  expect(statesOf(cluster)).toEqual(Array.from({ length: scale }, () => 'ready'));
  return cluster;
}

/** Looks until nothing moves; gives how many replicas were ready and how many pods there were, at each look. */
function watch(cluster: SampleCluster): { ready: number[]; pods: number[] } {
  const seen = { ready: [] as number[], pods: [] as number[] };
  for (let still = 0; still < 2;) {
    const before = cluster.version;
    cluster.look();
    seen.ready.push(statesOf(cluster).filter((state) => state === 'ready').length);
    seen.pods.push(replicasOf(cluster));
    cluster.settle();
    still = before === cluster.version ? still + 1 : 0;
  }
  return seen;
}

const hold = (cluster: SampleCluster) => cluster.pools.get(sampleIds.pool)?.document?.hold;
const isNew = { state: 'active', live: { revision: 2 }, rejection: null };

describe('a change that replaces replicas', () => {
  it('has all new ones beside the old ones where they fit', () => {
    const cluster = on([4, 4], 4);
    cluster.desired = revised(sampleOnOtherGpus(4), 2);
    const { ready, pods } = watch(cluster);
    expect([Math.min(...ready), Math.max(...pods)]).toEqual([4, 8]);
    expect(cluster.status.document).toMatchObject(isNew);
  });

  it('goes on as far as there is room, and no replica is missed meanwhile', () => {
    const cluster = on([5], 4);
    cluster.desired = revised(sampleOnOtherGpus(4), 2);
    const { ready, pods } = watch(cluster);
    expect([Math.min(...ready), Math.max(...pods)]).toEqual([4, 5]);
    expect(cluster.status.document).toMatchObject(isNew);
  });

  it('takes one out and then one in on full GPUs, drained first', () => {
    const cluster = on([2, 2], 4);
    const [busy] = cluster.pools.get(sampleIds.pool)?.document?.replicas.slice(-1) ?? [];
    cluster.busy.add(busy?.replicaId ?? '');
    cluster.desired = revised(sampleOnOtherGpus(4), 2);
    watch(cluster);
    expect(replicasOf(cluster)).toBe(4);
    const told = { state: 'updating', reason: 'Exchanging', message: expect.stringContaining('one by one') };
    expect(cluster.status.document).toMatchObject(told);
    cluster.busy.clear();
    const { ready, pods } = watch(cluster);
    expect([Math.min(...ready), Math.max(...pods)]).toEqual([3, 4]);
    expect(cluster.status.document).toMatchObject(isNew);
    expect(cluster.harmed).toEqual([]);
  });

  it('is not given up while it goes on, however many loads it takes one after another', () => {
    const cluster = on([4], 4);
    cluster.stays = ({ accelerator }) => accelerator === sampleIds.endpoint;
    cluster.desired = revised(sampleOnOtherGpus(4), 2);
    for (let loads = 0; loads < 4; loads += 1) {
      watch(cluster);
      cluster.now += 0.9 * sampleSettings.changeDeadlineMs;
      cluster.stays = () => false;
      cluster.settle();
      cluster.stays = ({ accelerator }) => accelerator === sampleIds.endpoint;
    }
    cluster.stays = () => false;
    watch(cluster);
    expect(cluster.status.document).toMatchObject(isNew);
  });

  it('exchanges the only one while its requests are held', () => {
    const cluster = on([1], 1);
    cluster.desired = revised(sampleOnOtherGpus(1), 2);
    cluster.look();
    expect(statesOf(cluster)).toEqual(['draining']);
    expect(hold(cluster)).toEqual({ until: sampleNow + sampleSettings.holdMaxMs });
    watch(cluster);
    expect(cluster.status.document).toMatchObject(isNew);
    expect(hold(cluster)).toBeUndefined();
    expect(cluster.harmed).toEqual([]);
  });

  it('goes back when the new one never gets ready, and the hold ends in time', () => {
    const cluster = on([1], 1);
    cluster.stays = ({ accelerator }) => accelerator === sampleIds.endpoint;
    cluster.desired = revised(sampleOnOtherGpus(1), 2);
    watch(cluster);
    expect(cluster.status.document).toMatchObject({ state: 'updating', replicas: { ready: 0 } });
    expect(hold(cluster)).toBeDefined();
    cluster.now += sampleSettings.holdMaxMs;
    watch(cluster);
    expect(hold(cluster)).toBeUndefined();
    cluster.now += 2 * sampleSettings.changeDeadlineMs;
    watch(cluster);
    expect(cluster.status.document).toMatchObject({
      state: 'active',
      live: { revision: 1 },
      rejection: { revision: 2, reason: 'NotReady', hint: expect.stringMatching(/log.* change the endpoint again/) },
    });
    expect(statesOf(cluster)).toEqual(['ready']);
    expect(replicasOf(cluster)).toBe(1);
  });

  it('is refused before anything is touched where there is no way', () => {
    const cluster = on([4], 4);
    const { deployments } = sampleOnOtherGpus(2);
    const [model] = deployments;
    const [accelerator] = model?.accelerators ?? [];
    const eight = [{ ...model!, accelerators: [{ ...accelerator!, slug: 'gpu-h100x8-640gb' }] }];
    cluster.desired = revised(sampleSpec(2, { deployments: eight }), 2);
    cluster.taken.length = 0;
    watch(cluster);
    expect(cluster.status.document).toMatchObject({
      state: 'active',
      live: { revision: 1 },
      rejection: { revision: 2, reason: 'NoRoom', message: expect.stringContaining('2 × gpu-h100x8-640gb of 8 GPUs') },
    });
    expect(cluster.taken.filter((step) => !/DedicatedInference|^prove|^write-pool/.test(step))).toEqual([
      'apply Deployment',
    ]);
    expect(statesOf(cluster)).toEqual(['ready', 'ready', 'ready', 'ready']);
  });

  it('is refused where requests may not be held for as long as another one loads', () => {
    const cluster = on([1], 1);
    cluster.settings = { ...sampleSettings, holdMaxMs: 0 };
    cluster.desired = revised(sampleOnOtherGpus(1), 2);
    watch(cluster);
    expect(cluster.status.document).toMatchObject({ state: 'active', rejection: { reason: 'NoRoomBeside' } });
    expect(statesOf(cluster)).toEqual(['ready']);
  });

  it('of the templates that a build writes waits until they fit beside the present ones', () => {
    const cluster = on([2], 2);
    const templates = () => [...cluster.objects.keys()].filter((key) => key.startsWith('Deployment/'));
    const before = templates();
    cluster.settings = { ...sampleSettings, manifests: { ...sampleSettings.manifests, graceMs: 900_000 } };
    cluster.renew = true;
    watch(cluster);
    expect(templates()).toEqual(before);
    cluster.nodes.gpus.set('node-1', 2);
    watch(cluster);
    expect(templates()).not.toEqual(before);
    expect(statesOf(cluster)).toEqual(['ready', 'ready']);
  });

  it('looks for no room where nobody has to go', () => {
    const cluster = on([4], 2);
    const plan = (scale: number, revision: number) => {
      cluster.desired = revised(sampleSpec(scale), revision);
      const observed = cluster.observe();
      const room = { ...observed.room, pods: [] };
      Object.defineProperty(room, 'pods', { get: () => expect.unreachable('room is looked for') });
      return planEndpoint({ ...observed, room }, cluster.settings);
    };
    expect(plan(2, 1).steps).toEqual([]);
    expect(plan(9, 2).steps.map(({ kind }) => kind)).toContain('apply');
  });

  it('comes to an end in every one of 40 stories, and never takes what is needed', () => {
    const ends = Array.from({ length: 40 }, (_, seed) => runScenario(seed + 1));
    expect(ends.filter(({ end, problems }) => end === 'stuck' || problems.length > 0)).toEqual([]);
    expect(new Set(ends.map(({ end }) => end))).toEqual(new Set(['new', 'refused', 'returned']));
    expect([ends.some(({ held }) => held), ends.some(({ exchanged }) => exchanged)]).toEqual([true, true]);
  });
});
