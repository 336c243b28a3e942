import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replicasOf, revised, SampleCluster, started, statesOf } from '../testing/sample-cluster.ts';
import { sampleDeletion, sampleIds, sampleSettings, sampleSpec } from '../testing/sample-endpoint.ts';
import { planEndpoint } from './plan.ts';
import { intentSeqOf } from '../manifests/names.ts';

/** What the cluster holds, without versions and numbers: equal for equal ends. */
function shapeOf(cluster: SampleCluster): string[] {
  return [...cluster.objects.values()]
    .filter(({ kind }) => kind !== 'Pod')
    .map(
      ({ kind, metadata, spec }) =>
        `${kind}/${metadata.name.replace(sampleIds.endpoint, '<id>')} ${JSON.stringify(spec)}`,
    )
    .toSorted();
}

describe('planEndpoint', () => {
  it('makes the custom resource first and alone, then what it owns, then waits for proofs', () => {
    const cluster = new SampleCluster();
    cluster.desired = revised(sampleSpec(2), 1);
    expect(cluster.look().steps.map(({ kind }) => kind)).toEqual(['create-resource']);
    const kinds = cluster.look().steps.map((step) => ('object' in step ? step.object.kind : step.kind));
    expect(kinds).toEqual([
      'write-pool',
      'Namespace',
      'ServiceAccount',
      'NetworkPolicy',
      'NetworkPolicy',
      'NetworkPolicy',
      'ResourceQuota',
      'LimitRange',
      'Secret',
      'Service',
      'PodDisruptionBudget',
      'InferencePool',
      'HTTPRoute',
      'Deployment',
    ]);
    cluster.run();
    expect(cluster.status.document).toMatchObject({ state: 'active', phase: 'done', live: { revision: 1 } });
    expect(statesOf(cluster)).toEqual(['ready', 'ready']);
    expect(cluster.pools.get(sampleIds.pool)?.document).toMatchObject({ prefixSalt: 'prefix-salt' });
  });

  it('rests once everything is as planned', () => {
    expect(started(2).look().steps).toEqual([]);
  });

  it('stamps what it writes with the newest revision, and writes the custom resource with its uid', () => {
    const cluster = started(2);
    cluster.desired = revised(sampleSpec(3, { name: 'other' }), 7);
    const adopt = cluster.look().steps.find(({ kind }) => kind === 'apply');
    expect(adopt).toMatchObject({ kind: 'apply', uid: expect.any(String), object: { spec: { intentSeq: 7 } } });
    cluster.run();
    const seqs = [...cluster.objects.values()].flatMap((object) =>
      object.kind === 'Pod' ? [] : [[object.kind, intentSeqOf(object)] as const],
    );
    // What a spec does not change is not written for it.
    expect(seqs.filter(([, seq]) => seq === 7).map(([kind]) => kind)).toEqual([
      'DedicatedInference',
      'ResourceQuota',
      'Deployment',
    ]);
    expect(seqs.filter(([, seq]) => seq !== 7).every(([, seq]) => seq === 1)).toBe(true);
  });

  it('moves a count from the state that it has seen alone, also with the first write of a sequence', () => {
    const cluster = started(2);
    cluster.desired = revised(sampleSpec(1), 7);
    const moves: [seq: number, from: string | undefined][] = [];
    for (let looks = 0; looks < 20; looks += 1) {
      const before = [...cluster.objects.values()].filter(({ kind }) => kind === 'Deployment').map(intentSeqOf);
      for (const step of cluster.look().steps)
        if (step.kind === 'apply' && step.object.kind === 'Deployment')
          moves.push([before[0] ?? 0, step.resourceVersion]);
      cluster.settle();
    }
    expect(statesOf(cluster)).toEqual(['ready']);
    expect(moves).toEqual([
      [1, expect.any(String)],
      [7, expect.any(String)],
    ]);
  });

  it('makes an object of ours whole again that has lost its sequence', () => {
    const cluster = started(2);
    const service = [...cluster.objects.values()].find(({ kind }) => kind === 'Service');
    delete service?.metadata.annotations;
    expect(cluster.look().steps).toMatchObject([{ kind: 'apply', object: { kind: 'Service' } }]);
  });

  it('removes what a smaller spec does not have', () => {
    const cluster = started(2);
    const routes = (): string[] => [...cluster.objects.keys()].filter((key) => key.startsWith('HTTPRoute/'));
    expect(routes()).toHaveLength(1);
    cluster.gatewayApi = false;
    cluster.run();
    expect(routes()).toEqual([]);
  });

  it('goes back to what is live when a change is rejected, under the newest number', () => {
    const cluster = started(2);
    cluster.failProofs();
    cluster.desired = revised(sampleSpec(4), 2);
    cluster.run();
    expect(cluster.status.document).toMatchObject({ state: 'updating', replicas: { desired: 4, ready: 2 } });
    cluster.now += sampleSettings.changeDeadlineMs;
    cluster.run();
    expect(cluster.status.document).toMatchObject({
      state: 'active',
      live: { revision: 1 },
      rejection: { revision: 2, reason: 'ProofFailed' },
    });
    expect(replicasOf(cluster)).toBe(2);
    expect(cluster.harmed).toEqual([]);
    expect([...cluster.objects.values()].find(({ kind }) => kind === 'DedicatedInference')?.['spec']).toMatchObject({
      intentSeq: 2,
    });
  });

  it('deletes over a drain, the pods before the namespace, that before the finalizer, and nothing twice', () => {
    const cluster = started(2);
    const [busy] = cluster.pools.get(sampleIds.pool)?.document?.replicas ?? [];
    cluster.busy.add(busy?.replicaId ?? '');
    cluster.desired = revised(sampleDeletion(2), 2);
    cluster.run();
    const draining = { deleting: true, replicas: [{ state: 'draining' }, { state: 'draining' }] };
    expect(cluster.pools.get(sampleIds.pool)?.document).toMatchObject(draining);
    expect(cluster.status.document).toMatchObject({ state: 'deleting', phase: 'teardown' });
    expect(replicasOf(cluster)).toBe(2);
    cluster.busy.clear();
    cluster.taken.length = 0;
    cluster.run();
    expect(cluster.taken.filter((step) => !step.startsWith('confirm'))).toEqual([
      'delete DedicatedInference',
      'delete Deployment',
      'delete Namespace',
      'remove-pool ',
      'release-resource DedicatedInference',
    ]);
    expect(cluster.status.document).toMatchObject({ state: 'gone', live: null, hosts: null });
    expect([...cluster.objects.keys()]).toEqual([]);
    expect(cluster.harmed).toEqual([]);
  });

  it('ends an endpoint that never began', () => {
    const cluster = new SampleCluster();
    cluster.desired = revised(sampleDeletion(2), 1);
    cluster.run();
    expect(cluster.status.document).toMatchObject({ state: 'gone', lifecycleSeq: 2 });
    expect(cluster.taken.every((step) => step.startsWith('confirm-gone'))).toBe(true);
  });

  it('touches nothing of a spec that it cannot read', () => {
    const cluster = started(2);
    cluster.desired = { kind: 'parked', revision: 9, reason: 'v is 2' };
    expect(planEndpoint(cluster.observe(), sampleSettings)).toEqual({ steps: [], progress: null });
  });

  it('comes to the same end from wherever it dies, in any order of specs, and harms no stream', () => {
    const deaths = fc.array(fc.record({ steps: fc.nat({ max: 12 }), settle: fc.boolean() }), { maxLength: 8 });
    const story = fc.array(fc.record({ scale: fc.integer({ min: 1, max: 4 }), deaths }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(story, fc.boolean(), (changes, deletes) => {
        const cluster = new SampleCluster();
        changes.forEach(({ scale, deaths: dies }, index) => {
          cluster.desired = revised(sampleSpec(scale), index + 1);
          for (const { steps, settle } of dies) {
            cluster.look(steps);
            if (settle) cluster.settle();
          }
        });
        cluster.run();
        const scale = changes.at(-1)?.scale ?? 0;
        expect(statesOf(cluster)).toEqual(Array.from({ length: scale }, () => 'ready'));
        expect(cluster.status.document).toMatchObject({ state: 'active', observedRevision: changes.length });
        const straight = new SampleCluster();
        straight.desired = cluster.desired;
        straight.run();
        const numbers = /"uid-\d+"/g;
        expect(shapeOf(cluster).map((line) => line.replaceAll(numbers, 'uid'))).toEqual(
          shapeOf(straight).map((line) => line.replaceAll(numbers, 'uid')),
        );
        if (deletes) {
          cluster.desired = revised(sampleDeletion(scale), changes.length + 1);
          cluster.run();
          expect([...cluster.objects.keys()]).toEqual([]);
        }
        expect(cluster.harmed).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
