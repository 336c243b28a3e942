import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../kube/kube-object.ts';
import { revised, SampleCluster, started } from '../testing/sample-cluster.ts';
import { sampleNow, sampleSpec } from '../testing/sample-endpoint.ts';
import { planRouteStatus } from './plan-route-status.ts';

const controllerName = 'fairway.dev/router';
const find = (cluster: SampleCluster, kind: string): KubeObject => {
  const found = [...cluster.objects.values()].find((object) => object.kind === kind);
  if (found === undefined) throw new Error(`there is no ${kind}`);
  return found;
};

describe('planRouteStatus', () => {
  it('says of route and pool that they are accepted and resolved, once', () => {
    const cluster = started(2);
    const conditions = [
      { type: 'Accepted', status: 'True' },
      { type: 'ResolvedRefs', status: 'True', lastTransitionTime: new Date(sampleNow).toISOString() },
    ];
    const parent = (sectionName: string) => ({
      parentRef: { name: 'fairway', sectionName },
      controllerName,
      conditions,
    });
    expect(find(cluster, 'HTTPRoute')['status']).toMatchObject({ parents: [parent('private'), parent('public')] });
    const pool = { parentRef: { kind: 'Gateway', namespace: 'fairway-system' }, controllerName, conditions };
    expect(find(cluster, 'InferencePool')['status']).toMatchObject({ parents: [pool] });
    expect(cluster.taken.filter((step) => step.startsWith('patch-status'))).toHaveLength(2);
  });

  it('leaves entries of other controllers alone, and takes its own from a pool that no route refers to', () => {
    const cluster = started(2);
    const pool = find(cluster, 'InferencePool');
    const other = { parentRef: { name: 'envoy' }, controllerName: 'envoy.example/gateway', conditions: [] };
    const { parents } = pool['status'] as { parents: object[] };
    pool['status'] = { parents: [other, ...parents] };
    expect(cluster.look().steps).toEqual([]);
    expect(planRouteStatus({ children: [pool], now: sampleNow })).toMatchObject([{ status: { parents: [other] } }]);
  });

  it('says which pool is missing, and keeps the time of what has not changed', () => {
    const route = find(started(2), 'HTTPRoute');
    const [step] = planRouteStatus({ children: [route], now: sampleNow + 5000 });
    const conditions = [
      { type: 'Accepted', status: 'True', lastTransitionTime: new Date(sampleNow).toISOString() },
      { reason: 'BackendNotFound', status: 'False', lastTransitionTime: new Date(sampleNow + 5000).toISOString() },
    ];
    expect(step).toMatchObject({ status: { parents: [{ conditions }, { conditions }] } });
  });

  it('is silent where the cluster does not know these kinds', () => {
    const cluster = new SampleCluster();
    cluster.gatewayApi = false;
    cluster.desired = revised(sampleSpec(2), 1);
    cluster.run();
    expect(cluster.status.document).toMatchObject({ state: 'active' });
    expect(cluster.taken.filter((step) => /status|HTTPRoute|InferencePool/.test(step))).toEqual([]);
  });
});
