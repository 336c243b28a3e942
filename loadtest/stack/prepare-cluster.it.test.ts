import { beforeAll, describe, expect, it } from 'vitest';
import { KubeHttp } from '#loadtest/cluster/client/kube-http.ts';
import { readClusterConfig } from '#loadtest/cluster/config.ts';
import { startCluster } from '#loadtest/cluster/service.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { readStackOptions } from './options.ts';
import { untilInReach } from './prepare-cluster.ts';

/** For documentation (RFC 3849): it is nobody's. */
const nowhere = '2001:db8::1';

describe('a given cluster’s pods', () => {
  const started = endAfterAll();
  let kube: KubeHttp;
  let inReach: (endpointId: string) => Promise<void>;
  beforeAll(async () => {
    const config = readClusterConfig({ FAIRWAY_CLUSTER_KUBELET: 'off' });
    const cluster = await started.use(startCluster(config, { log: silentLogger() }));
    kube = started.keep(new KubeHttp(cluster));
    const options = readStackOptions(['--kubeconfig', cluster.kubeconfigPath]);
    inReach = (endpointId) =>
      untilInReach(options, endpointId, { clock: systemClock, signal: new AbortController().signal });
  });

  const addPod = async (endpointId: string, podIP: string): Promise<void> => {
    const metadata = { name: endpointId, labels: { 'fairway.dev/endpoint': endpointId } };
    const containers = [{ name: 'c', image: 'i', resources: {}, ports: [{ containerPort: 1 }] }];
    const pods = '/api/v1/namespaces/default/pods';
    const body = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, nodeName: 'n' } };
    expect((await kube.send('POST', pods, { body })).code).toBe(201);
    const status = { phase: 'Running', podIP };
    expect((await kube.mergePatch(`${pods}/${endpointId}/status`, { status })).code).toBe(200);
  };

  it('are in reach when their machine answers, were it with a refusal', async () => {
    await addPod('near', '127.0.0.1');
    await expect(inReach('near')).resolves.toBeUndefined();
  });

  it('are told to be out of reach instead of being waited for', async () => {
    await addPod('far', nowhere);
    await expect(inReach('far')).rejects.toThrow(/No pod of it answers this machine, where the routers run/);
  }, 30_000);
});
