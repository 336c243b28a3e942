import { describe, expect, it } from 'vitest';
import { viewPod } from '../../observe/pod-view.ts';
import { replicasOf, revised, SampleCluster, statesOf } from '../../testing/sample-cluster.ts';
import { sampleIds, sampleSpec } from '../../testing/sample-endpoint.ts';

/** An active endpoint on nodes with so many GPUs. */
function on(gpus: number[], scale: number): SampleCluster {
  const cluster = new SampleCluster();
  cluster.nodes.gpus.clear();
  for (const [index, count] of gpus.entries()) cluster.nodes.gpus.set(`node-${index}`, count);
  cluster.desired = revised(sampleSpec(scale), 1);
  cluster.run();
  return cluster;
}

const podsOn = (cluster: SampleCluster, node: string) =>
  [...cluster.objects.values()]
    .filter(({ kind, spec }) => kind === 'Pod' && (spec as { nodeName?: string }).nodeName === node)
    .map(viewPod);
const evictable = (cluster: SampleCluster) =>
  [...cluster.objects.values()].find(({ kind }) => kind === 'PodDisruptionBudget')?.['spec'] as {
    maxUnavailable: number;
  };

/** Looks until nothing moves; gives the fewest replicas that were ready. */
function fewestReady(cluster: SampleCluster): number {
  let fewest = Number.POSITIVE_INFINITY;
  for (let before = -1; before !== cluster.version;) {
    before = cluster.version;
    cluster.look();
    fewest = Math.min(fewest, statesOf(cluster).filter((state) => state === 'ready').length);
    cluster.settle();
  }
  return fewest;
}

describe('a node that is closed', () => {
  it.each([1, 2, 3])('has its replicas of %i moved: others come first, and no replica is missed', (scale) => {
    const cluster = on([4, 4], scale);
    cluster.nodes.closed.add('node-0');
    expect(fewestReady(cluster)).toBe(scale);
    expect([podsOn(cluster, 'node-0'), podsOn(cluster, 'node-1').length]).toEqual([[], scale]);
    expect(replicasOf(cluster)).toBe(scale);
    expect(cluster.harmed).toEqual([]);
    expect(evictable(cluster)).toMatchObject({ maxUnavailable: 0 });
  });

  it('keeps all of its replicas until the last of those in their place is proven', () => {
    const cluster = on([4], 2);
    cluster.nodes.gpus.set('node-1', 4);
    cluster.nodes.closed.add('node-0');
    const first = new Set<string>();
    cluster.stays = ({ name }) => first.add(name).size > 3;
    cluster.run();
    expect([podsOn(cluster, 'node-0').length, podsOn(cluster, 'node-1').length]).toEqual([2, 2]);
    expect(statesOf(cluster)).toEqual(['ready', 'ready', 'ready']);
    cluster.stays = () => false;
    expect(fewestReady(cluster)).toBeGreaterThanOrEqual(2);
    expect([podsOn(cluster, 'node-0').length, podsOn(cluster, 'node-1').length]).toEqual([0, 2]);
  });

  it('keeps a replica until its last request has ended', () => {
    const cluster = on([4, 4], 1);
    const [pod] = [...podsOn(cluster, 'node-0'), ...podsOn(cluster, 'node-1')];
    const node = podsOn(cluster, 'node-0').length === 1 ? 'node-0' : 'node-1';
    cluster.busy.add(pod?.replicaId ?? '');
    cluster.nodes.closed.add(node);
    cluster.run();
    expect(podsOn(cluster, node)).toHaveLength(1);
    expect(statesOf(cluster).toSorted()).toEqual(['draining', 'ready']);
    cluster.busy.clear();
    cluster.run();
    expect(podsOn(cluster, node)).toEqual([]);
    expect(cluster.harmed).toEqual([]);
  });

  it('lets its replicas be evicted where no node has room for others, and has them moved once one has', () => {
    const cluster = on([2, 2], 4);
    cluster.nodes.closed.add('node-0');
    cluster.run();
    expect(podsOn(cluster, 'node-0')).toHaveLength(2);
    expect(evictable(cluster)).toMatchObject({ maxUnavailable: 1 });
    cluster.nodes.gpus.set('node-2', 2);
    expect(fewestReady(cluster)).toBe(4);
    expect(podsOn(cluster, 'node-2')).toHaveLength(2);
    expect(evictable(cluster)).toMatchObject({ maxUnavailable: 0 });
  });

  it('is given back to its replicas when it opens before others have come', () => {
    const cluster = on([4, 4], 2);
    cluster.podsStart = false;
    cluster.nodes.closed.add('node-0');
    cluster.run();
    expect(replicasOf(cluster)).toBeGreaterThan(2);
    cluster.nodes.closed.clear();
    cluster.podsStart = true;
    expect(fewestReady(cluster)).toBe(2);
    expect(replicasOf(cluster)).toBe(2);
    expect(cluster.pools.get(sampleIds.pool)?.document?.replicas).toHaveLength(2);
  });
});
