import { describe, expect, it } from 'vitest';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { replicasOf, revised, started, statesOf } from '../testing/sample-cluster.ts';
import { sampleIds, sampleOnOtherGpus, sampleSettings, sampleSpec } from '../testing/sample-endpoint.ts';

describe('the replicas that a plan makes, keeps and takes down', () => {
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

  it('replaces a pod that has failed, at scale 1 too, and the dead one bars nobody', () => {
    const cluster = started(1);
    cluster.changePods({ phase: 'Failed' });
    cluster.run();
    expect(replicasOf(cluster)).toBe(2);
    expect(statesOf(cluster)).toEqual(['ready']);
    expect(cluster.status.document).toMatchObject({ state: 'active', replicas: { desired: 1, ready: 1 } });
    expect(cluster.taken).not.toContain('mark-pod Pod');
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
});
