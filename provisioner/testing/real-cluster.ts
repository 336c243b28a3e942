import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { readKubeletConfig, type KubeletConfig } from '#loadtest/cluster/kubelet/config.ts';
import { startKubelet } from '#loadtest/cluster/kubelet/service.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';

/** A real API server with controllers and scheduler, from a `kubelab` binary; the kubelet is the embedded cluster's; `apiArgs` are more flags of kube-apiserver. */
export async function startRealCluster(
  binary: string,
  kubelet: Partial<KubeletConfig>,
  apiArgs: readonly string[] = [],
): Promise<AsyncDisposable & { kubeconfigPath: string }> {
  await using stack = new AsyncDisposableStack();
  const { url: server, token, caPem = '' } = stack.use(await startKubelab(binary, apiArgs));
  const folder = await mkdtemp(join(tmpdir(), 'fairway-lab-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'ca.pem'), caPem);
  const kubeconfig = {
    'current-context': 'lab',
    clusters: [{ name: 'lab', cluster: { server, 'certificate-authority': join(folder, 'ca.pem') } }],
    users: [{ name: 'lab', user: { token } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab' } }],
  };
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, JSON.stringify(kubeconfig), { mode: 0o600 });
  const config = { ...readKubeletConfig({ FAIRWAY_KUBELET_KUBECONFIG: kubeconfigPath }), ...kubelet };
  stack.use(await startKubelet(config, { log: silentLogger(), clock: systemClock }));
  const running = stack.move();
  return { kubeconfigPath, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
