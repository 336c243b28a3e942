import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { SampleCluster, shapeOf } from '../testing/sample-cluster.ts';
import {
  sampleDeletion,
  sampleIds,
  sampleOnOtherGpus,
  sampleSettings,
  sampleSpec,
} from '../testing/sample-endpoint.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { planEndpoint } from './plan.ts';
import { intentSeqOf } from '../manifests/names.ts';

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
  (cluster.pools.get(sampleIds.pool)?.document?.replicas ?? [])
    .map(({ state }) => state)
    .toSorted((a, b) => a.localeCompare(b));

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

  it('stamps every object with the newest revision, and writes the custom resource with its uid', () => {
    const cluster = started(2);
    cluster.desired = revised(sampleSpec(2, { name: 'other' }), 7);
    const adopt = cluster.look().steps.find(({ kind }) => kind === 'apply');
    expect(adopt).toMatchObject({ kind: 'apply', uid: expect.any(String), object: { spec: { intentSeq: 7 } } });
    cluster.run();
    const children = [...cluster.objects.values()].filter(
      ({ kind }) => kind !== 'Pod' && kind !== 'DedicatedInference',
    );
    expect(children.map(intentSeqOf)).toEqual(children.map(() => 7));
  });

  it('removes what a smaller spec does not have', () => {
    const cluster = started(2);
    expect(
      cluster.objects.has([...cluster.objects.keys()].find((key) => key.startsWith('PodDisruptionBudget/')) ?? ''),
    ).toBe(true);
    cluster.desired = revised(sampleSpec(1), 2);
    cluster.run();
    expect([...cluster.objects.keys()].filter((key) => key.startsWith('PodDisruptionBudget/'))).toEqual([]);
  });

  it('scales down only over drained replicas, one by one as they become free', () => {
    const cluster = started(4);
    const [busy] = cluster.pools.get(sampleIds.pool)?.document?.replicas.slice(-1) ?? [];
    cluster.busy.add(busy?.replicaId ?? '');
    cluster.desired = revised(sampleSpec(1), 2);
    cluster.run();
    expect(replicasOf(cluster)).toBe(2);
    expect(statesOf(cluster)).toEqual(['draining', 'ready']);
    expect(cluster.status.document).toMatchObject({ state: 'active', observedRevision: 2 });
    cluster.busy.clear();
    cluster.run();
    expect(replicasOf(cluster)).toBe(1);
    expect(cluster.harmed).toEqual([]);
  });

  it('replaces pods of another template beside the old ones, which serve until the new ones are proven', () => {
    const cluster = started(2);
    const before = [...cluster.objects.keys()].filter((key) => key.startsWith('Deployment/'));
    cluster.desired = revised(sampleOnOtherGpus(2), 2);
    cluster.look();
    cluster.settle();
    expect(replicasOf(cluster)).toBe(4);
    expect(statesOf(cluster).filter((state) => state === 'ready')).toHaveLength(2);
    cluster.run();
    const after = [...cluster.objects.keys()].filter((key) => key.startsWith('Deployment/'));
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
    expect(statesOf(cluster)).toEqual(['ready', 'ready']);
    expect(cluster.harmed).toEqual([]);
  });

  it('takes a removed pool down only after everything that follows it is proven', () => {
    const cluster = started(2);
    const [before] = sampleSpec(2).deployments;
    const other = {
      ...before,
      modelId: sampleIds.endpoint,
      slug: 'mistral/other',
    } as SpecDocument['deployments'][number];
    cluster.desired = revised(sampleSpec(2, { deployments: [other] }), 2);
    cluster.failProofs();
    cluster.run();
    expect(replicasOf(cluster)).toBe(4);
    expect(statesOf(cluster)).toEqual(['ready', 'ready']);
    const secrets = () => [...cluster.objects.keys()].filter((key) => key.startsWith('Secret/'));
    expect(secrets()).toHaveLength(2);
    cluster.answerProofs();
    cluster.look();
    cluster.run();
    expect(replicasOf(cluster)).toBe(2);
    expect(statesOf(cluster)).toEqual([]);
    expect(secrets()).toHaveLength(1);
    expect(cluster.status.document).toMatchObject({ state: 'active', live: { revision: 2 } });
    expect(cluster.harmed).toEqual([]);
  });

  it('keeps the template of what was applied when a build would write another, until its turn or another spec', () => {
    const cluster = started(2);
    const templates = () =>
      [...cluster.objects.values()].flatMap(({ kind, spec }) => (kind === 'Deployment' ? [spec] : []));
    const [before] = templates();
    cluster.settings = {
      ...sampleSettings,
      manifests: { ...sampleSettings.manifests, graceMs: 900_000, preStopMs: 0 },
    };
    cluster.run();
    expect(templates()).toEqual([before]);
    for (const { kind, metadata } of cluster.objects.values())
      // As an older build has left it.
      if (kind === 'Deployment') delete metadata.annotations?.['fairway.dev/asked'];
    cluster.run();
    expect(templates()).toEqual([before]);
    cluster.desired = revised(sampleSpec(3), 2);
    cluster.run();
    expect(templates()).toEqual([{ ...(before as object), replicas: 3 }]);
    cluster.renew = true;
    cluster.run();
    expect(templates()).toMatchObject([{ replicas: 3, template: { spec: { terminationGracePeriodSeconds: 900 } } }]);
    expect(statesOf(cluster)).toEqual(['ready', 'ready', 'ready']);
    expect(cluster.harmed).toEqual([]);
  });

  it('leaves room for the replicas of an older template when fewer of a new one are asked for', () => {
    const cluster = started(4);
    cluster.desired = revised(sampleOnOtherGpus(1), 2);
    const quota = cluster.look().steps.find((step) => 'object' in step && step.object.kind === 'ResourceQuota');
    expect(quota).toMatchObject({ object: { spec: { hard: { pods: '5', 'requests.nvidia.com/gpu': '5' } } } });
    cluster.run();
    expect(cluster.objects.get('ResourceQuota/endpoint')?.['spec']).toMatchObject({ hard: { pods: '2' } });
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

  it('proves an active endpoint again by age, without a word while it answers', () => {
    const cluster = started(2);
    const { status } = cluster;
    cluster.taken.length = 0;
    for (let round = 0; round < 3; round += 1) {
      cluster.now += sampleSettings.reproveMs - 1;
      cluster.run();
      expect(cluster.taken).toHaveLength(2 * round);
      cluster.now += 1;
      cluster.run();
      expect(cluster.taken).toHaveLength(2 * round + 2);
      expect(new Set(cluster.taken)).toEqual(new Set(['prove ']));
    }
    expect(cluster.status).toBe(status);
  });

  it('proves each pool once through each listener that is enabled, by any router that is heard', () => {
    const cluster = started(2);
    cluster.now += sampleSettings.reproveMs;
    const asked = (listeners: ObservedState['listeners'], enablePublicEndpoint = true) => {
      cluster.desired = revised(sampleSpec(2, { enablePublicEndpoint }), 1);
      const { steps } = planEndpoint({ ...cluster.observe(), listeners }, sampleSettings);
      return steps.flatMap((step) => (step.kind === 'prove' ? [step.listenerUrls] : []));
    };
    const two = { public: ['http://a', 'http://b'], private: ['http://c', 'http://d'] };
    expect(asked(two)).toEqual([two.private, two.public]);
    expect(asked(two, false)).toEqual([two.private]);
    expect(asked({ public: [], private: [] })).toEqual([]);
  });

  it('loses an endpoint after three failed proofs in a row, and has it back after a success', () => {
    const cluster = started(2);
    const { status } = cluster;
    cluster.failProofs();
    cluster.now += sampleSettings.reproveMs;
    const reachable = () => cluster.status.document?.conditions.find(({ type }) => type === 'Reachable');
    for (let failures = 1; failures <= 3; failures += 1) {
      cluster.look();
      expect(cluster.status).toBe(status);
    }
    cluster.look();
    const lost = { state: 'updating', phase: 'proof', reason: 'ProofFailed', live: { revision: 1 } };
    expect(cluster.status.document).toMatchObject(lost);
    const { seq } = cluster.status;
    cluster.run();
    cluster.now += sampleSettings.changeDeadlineMs;
    cluster.run();
    expect(reachable()).toMatchObject({ status: 'False', reason: 'ProofFailed', message: 'no answer' });
    expect(cluster.status).toMatchObject({ seq, document: { ...lost, rejection: null } });
    cluster.answerProofs();
    cluster.look();
    cluster.run();
    expect(cluster.status).toMatchObject({
      seq: seq + 1,
      document: { state: 'active', phase: 'done', live: { revision: 1 } },
    });
    expect(statesOf(cluster)).toEqual(['ready', 'ready']);
  });

  it('replaces a pod that has failed, at scale 1 too, and the dead one bars nobody', () => {
    const cluster = started(1);
    cluster.changePods({ phase: 'Failed' });
    cluster.run();
    expect(replicasOf(cluster)).toBe(2);
    expect(statesOf(cluster)).toEqual(['ready']);
    expect(cluster.status.document).toMatchObject({ state: 'active', replicas: { desired: 1, ready: 1 } });
    expect(cluster.taken).not.toContain('mark-pod Pod');
  });

  it('does not take replicas of the old template for a proof of the new one', () => {
    const cluster = started(2);
    cluster.podsStart = false;
    cluster.desired = revised(sampleOnOtherGpus(2), 2);
    cluster.run();
    const waiting = { state: 'updating', live: { revision: 1 }, replicas: { desired: 2, ready: 2 } };
    expect(cluster.status.document).toMatchObject({ ...waiting, phase: expect.not.stringMatching(/proof|done/) });
    expect(replicasOf(cluster)).toBe(4);
    cluster.podsStart = true;
    cluster.changePods({
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Ready', status: 'True' },
      ],
    });
    cluster.look();
    cluster.look();
    // Old and new are both listed: the endpoint's own proof has to come from a new one.
    const asked = cluster.look().steps.flatMap((step) => (step.kind === 'prove' ? [step.replicaId] : []));
    const listed = cluster.pools.get(sampleIds.pool)?.document?.replicas ?? [];
    const [old, fresh] = [listed[0], listed.at(-1)];
    expect(old?.revision).not.toBe(fresh?.revision);
    expect(asked.length).toBeGreaterThan(0);
    for (const replicaId of asked)
      expect(listed.find((replica) => replica.replicaId === replicaId)?.revision).toBe(fresh?.revision);
    cluster.run();
    expect(cluster.status.document).toMatchObject({ state: 'active', live: { revision: 2 } });
    expect(cluster.harmed).toEqual([]);
  });

  it('keeps a pool whose kubelets are not heard, says so, and takes out only who does not answer either', () => {
    const cluster = started(2);
    const ready = (status: string) => ({
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'ContainersReady', status: 'True' },
        { type: 'Ready', status },
      ],
    });
    const replicasReady = () => cluster.status.document?.conditions.find(({ type }) => type === 'ReplicasReady');
    cluster.taken.length = 0;
    cluster.changePods(ready('False'));
    cluster.run();
    expect(statesOf(cluster)).toEqual(['ready', 'ready']);
    expect(cluster.status.document).toMatchObject({ state: 'active', reason: 'Active' });
    expect(replicasReady()).toMatchObject({ status: 'Unknown', reason: 'KubeletNotHeard' });
    cluster.failProofs();
    for (let looks = 0; looks < 5; looks += 1) {
      cluster.now += 10_000;
      cluster.look();
    }
    expect(statesOf(cluster)).toEqual(['proving', 'proving']);
    expect(cluster.status.document).toMatchObject({ state: 'updating', replicas: { ready: 0 } });
    cluster.answerProofs();
    cluster.changePods(ready('True'));
    cluster.run();
    expect(statesOf(cluster)).toEqual(['ready', 'ready']);
    expect(cluster.status.document).toMatchObject({ state: 'active', live: { revision: 1 } });
    expect(replicasReady()).toMatchObject({ status: 'True' });
    expect(cluster.taken.filter((step) => !/^(prove|write-pool) /.test(step))).toEqual([]);
    expect(cluster.harmed).toEqual([]);
  });

  it('deletes over a drain, the namespace before the finalizer, and nothing twice', () => {
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
