import { describe } from 'vitest';
import { readClusterConfig } from '#loadtest/cluster/config.ts';
import { findKubelab, startKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { startCluster } from '#loadtest/cluster/service.ts';
import { silentLogger } from '#shared/runtime/log.ts';
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

const { binaries, unless } = await findKubelab('a real kube-apiserver for the Kubernetes client');

describe('with a real server', unless, () => {
  describeKubeClient('kube-apiserver', async (): Promise<RunningCluster> => {
    const { url, token, tls = {}, ...cluster } = await startKubelab(binaries);
    const headers = (): Promise<Record<string, string>> => Promise.resolve({ authorization: `Bearer ${token}` });
    const access = { server: new URL(url), tls, headers };
    return {
      connect: (options) => Promise.resolve(new KubeClient(access, options)),
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  });
});
