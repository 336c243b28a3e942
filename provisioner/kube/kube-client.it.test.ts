import { describe } from 'vitest';
import { readClusterConfig } from '#loadtest/cluster/config.ts';
import { findKubelab, startKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { startCluster } from '#loadtest/cluster/service.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { skipUnless } from '#shared/testing/skips.ts';
import { describeKubeClient, type RunningCluster } from './kube-client.contract.ts';
import { KubeClient, connectKube } from './kube-client.ts';

describeKubeClient('the embedded cluster', async (): Promise<RunningCluster> => {
  const cluster = await startCluster(readClusterConfig({ FAIRWAY_CLUSTER_KUBELET: 'false' }), {
    log: silentLogger(),
  });
  return {
    connect: (options) => connectKube(cluster.kubeconfigPath, options),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
});

const binary = await findKubelab({ build: process.env['FAIRWAY_REQUIRE'] === 'all' }).catch(() => undefined);
const requirement = {
  what: 'a real kube-apiserver for the Kubernetes client',
  how: 'npm test -- --all, which builds it once per machine (Go ≥ 1.26, 4 to 15 minutes)',
};

describe('with a real server', skipUnless(binary, requirement), () => {
  describeKubeClient('kube-apiserver', async (): Promise<RunningCluster> => {
    const { url, token, caPem, ...cluster } = await startKubelab(binary ?? '');
    const headers = (): Promise<Record<string, string>> => Promise.resolve({ authorization: `Bearer ${token}` });
    const access = { server: new URL(url), tls: caPem === undefined ? {} : { ca: caPem }, headers };
    return {
      connect: (options) => Promise.resolve(new KubeClient(access, options)),
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  });
});
