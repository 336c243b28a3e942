import { startKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { readKubeletConfig, type KubeletConfig } from '#loadtest/cluster/kubelet/config.ts';
import { startKubelet } from '#loadtest/cluster/kubelet/service.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';

/** A real API server with controllers and scheduler, from `findKubelab`'s binaries; the kubelet is the embedded cluster's; `apiArgs` are more flags of kube-apiserver. */
export async function startRealCluster(
  binaries: string,
  kubelet: Partial<KubeletConfig>,
  apiArgs: readonly string[] = [],
): Promise<AsyncDisposable & { kubeconfigPath: string }> {
  await using stack = new AsyncDisposableStack();
  const { kubeconfigPath } = stack.use(await startKubelab(binaries, apiArgs));
  const config = { ...readKubeletConfig({ FAIRWAY_KUBELET_KUBECONFIG: kubeconfigPath }), ...kubelet };
  stack.use(await startKubelet(config, { log: silentLogger(), clock: systemClock }));
  const running = stack.move();
  return { kubeconfigPath, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
