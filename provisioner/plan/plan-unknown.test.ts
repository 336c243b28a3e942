import { describe, expect, it } from 'vitest';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { SampleCluster } from '../testing/sample-cluster.ts';
import { sampleDeletion, sampleIds, sampleSpec } from '../testing/sample-endpoint.ts';

const revised = (spec: SpecDocument, revision: number) => ({ kind: 'spec' as const, spec, revision });
const started = (scale: number): SampleCluster => {
  const cluster = new SampleCluster();
  cluster.desired = revised(sampleSpec(scale), 1);
  cluster.run();
  return cluster;
};
const replicasOf = (cluster: SampleCluster): number =>
  [...cluster.objects.values()].filter(({ kind }) => kind === 'Pod').length;
const statesOf = (cluster: SampleCluster): string[] =>
  (cluster.pools.get(sampleIds.pool)?.document?.replicas ?? []).map(({ state }) => state);

describe('an endpoint without a spec, or with one that is older than what is there', () => {
  it('sweeps what is left under a tombstone, its documents too', () => {
    const cluster = started(2);
    cluster.desired = { kind: 'tombstone', revision: 9 };
    cluster.run();
    expect([...cluster.objects.keys()]).toEqual([]);
    expect([...cluster.pools.values()].map(({ document }) => document)).toEqual([null]);
    expect(cluster.status.document).toMatchObject({ state: 'gone', live: null });
  });

  it('touches nothing that the stream does not know, remembers it, and takes it back when its spec is there again', () => {
    const cluster = started(2);
    const { desired, status, pools } = cluster;
    const before = { objects: new Map(cluster.objects), pools: new Map(pools) };
    cluster.desired = { kind: 'absent' };
    cluster.taken.length = 0;
    cluster.run();
    expect(cluster.look()).toMatchObject({ steps: [], hold: { reason: 'Quarantined' } });
    expect(cluster.taken).toEqual(['keep-quarantine ', 'tell ']);
    expect(cluster.quarantine.document).toMatchObject({ intentSeq: 1, spec: { team: 'team-a', name: 'coding' } });
    expect({ objects: cluster.objects, pools: cluster.pools, status: cluster.status }).toEqual({ ...before, status });
    cluster.desired = desired;
    expect(cluster.look()).toMatchObject({ steps: [] });
  });

  it('drains and takes down what the stream does not know once an operator has said so', () => {
    const cluster = started(2);
    const [busy] = cluster.pools.get(sampleIds.pool)?.document?.replicas ?? [];
    cluster.busy.add(busy?.replicaId ?? '');
    cluster.desired = { kind: 'absent' };
    cluster.run();
    cluster.word = { document: { v: 1, word: 'sweep', by: 'ann', at: '2026-01-01T00:00:00.000Z' }, seq: 1 };
    cluster.run();
    expect(statesOf(cluster)).toEqual(['draining', 'draining']);
    expect(replicasOf(cluster)).toBe(2);
    cluster.busy.clear();
    cluster.run();
    expect([...cluster.objects.keys()]).toEqual([]);
    expect(cluster.status.document).toMatchObject({ state: 'gone' });
    expect([cluster.quarantine.document, cluster.word.document]).toEqual([null, null]);
    expect(cluster.look()).toEqual({ steps: [], progress: null });
    expect(cluster.harmed).toEqual([]);
  });

  it('holds a spec that is older than what was made from it, also when it asks for deletion', () => {
    const cluster = started(2);
    cluster.desired = revised(sampleSpec(2), 7);
    cluster.run();
    for (const spec of [sampleSpec(4), sampleDeletion(2)]) {
      cluster.desired = revised(spec, 5);
      expect(cluster.look()).toMatchObject({ steps: [], progress: null, hold: { reason: 'Fenced' } });
    }
    cluster.desired = { kind: 'absent' };
    expect(cluster.look()).toMatchObject({ hold: { reason: 'Quarantined' } });
    cluster.desired = revised(sampleSpec(1), 8);
    cluster.run();
    expect(cluster.status.document).toMatchObject({ state: 'active', live: { revision: 8 } });
  });
});
