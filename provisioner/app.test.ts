import { describe, expect, it } from 'vitest';
import { createWork, type Reconciler } from './app.ts';
import type { Cluster } from './cluster/cluster.ts';
import { DesiredMap } from './desired/desired-map.ts';
import { clusterKey, endpointKey } from './desired/queue-key.ts';
import { KubeError } from './kube/kube-error.ts';
import type { Ownership } from './leases/leases.ts';
import type { Caches } from './observe/caches.ts';
import { sampleIds, sampleSpec } from './testing/sample-endpoint.ts';

const key = endpointKey(sampleIds.endpoint);
const { signal } = new AbortController();

/** Work over clusters that are what the parts say, for the sample endpoint at revision 1. */
function work(...clusters: (Partial<Cluster> & { vpcId: string })[]) {
  const desired = new DesiredMap();
  const text = JSON.stringify(sampleSpec(1));
  desired.take({ endpointId: sampleIds.endpoint, revision: 1, text, deleted: false });
  const reconciler = { desired } as Partial<Reconciler> as Reconciler;
  const calm = { restMs: () => 0, hold: () => null, ownership: (): Ownership => 'mine' };
  const open = clusters.map((parts) => ({ ...calm, ...parts }) as Partial<Cluster> as Cluster);
  return createWork(reconciler, { all: () => open, get: (vpcId) => open.find((cluster) => cluster.vpcId === vpcId) });
}

describe('a wake-up', () => {
  it('is not lost while this process cannot be sure of its leases', async () => {
    const answers: Ownership[] = ['unsure', 'mine', 'other'];
    const look = work({ vpcId: sampleIds.vpc, ownership: () => answers.shift() ?? 'other' });
    expect(await look(key, signal)).toEqual({ requeueAfterMs: expect.any(Number) });
    // Mine, but the cluster is only being opened.
    expect(await look(key, signal)).toEqual({ requeueAfterMs: expect.any(Number) });
    expect(await look(key, signal)).toBeUndefined();
  });

  it('of an endpoint goes to the cluster of its VPC, one of a cluster to that', async () => {
    const looks: string[] = [];
    const cluster = (vpcId: string) => ({
      vpcId,
      ownership: (): Ownership => (looks.push(`endpoint in ${vpcId}`), 'other'),
      look: () => (looks.push(vpcId), Promise.resolve()),
    });
    const look = work(cluster(sampleIds.vpc), cluster('another'));
    await look(key, signal);
    await look(clusterKey('another'), signal);
    await look(clusterKey('closed'), signal);
    expect(looks).toEqual([`endpoint in ${sampleIds.vpc}`, 'another']);
  });

  it('waits as long as the API server has asked, with every other one of its cluster', async () => {
    let rests = 0;
    const away = new KubeError({ status: 429, reason: 'TooManyRequests', message: 'later', retryAfterMs: 7000 });
    const look = work({
      vpcId: sampleIds.vpc,
      caches: { has: () => false, synced: () => Promise.resolve() } as Partial<Caches> as Caches,
      wroteAt: { ensureReady: () => Promise.reject(away) } as Partial<Cluster['wroteAt']> as Cluster['wroteAt'],
      rest: (ms) => void (rests = ms),
      restMs: () => rests,
    });
    expect(await look(key, signal)).toEqual({ requeueAfterMs: 7000 });
    expect(await look(key, signal)).toEqual({ requeueAfterMs: 7000 });
  });
});
