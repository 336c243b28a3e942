import { readClusterConfig } from '#loadtest/cluster/config.ts';
import { startCluster } from '#loadtest/cluster/service.ts';
import { startKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { startStandInKubelet } from '#loadtest/cluster/testing/stand-in-kubelet.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { startProvisionerLab, type ProvisionerLab, type StartLabCluster } from '../provisioner-lab.ts';

/**
 * A lab whose pods are no processes, so that there may be hundreds; on a real API server where its `binaries` are given, or
 * on a cluster that is there.
 */
export function startStandInLab({
  nodes,
  binaries,
  on,
}: {
  nodes: number;
  binaries?: string;
  on?: { kubeconfigPath: string };
}): Promise<ProvisionerLab> {
  const cluster: StartLabCluster = async () => {
    await using stack = new AsyncDisposableStack();
    const embedded = readClusterConfig({ FAIRWAY_CLUSTER_KUBELET: 'off' });
    const starting = () =>
      binaries === undefined ? startCluster(embedded, { log: silentLogger() }) : startKubelab(binaries);
    const { kubeconfigPath } = on ?? stack.use(await starting());
    stack.use(await startStandInKubelet(kubeconfigPath, nodes));
    const running = stack.move();
    return { kubeconfigPath, [Symbol.asyncDispose]: () => running.disposeAsync() };
  };
  // Provisioners start again and again here.
  return startProvisionerLab({ cluster, routerSilentMs: 1000 });
}
