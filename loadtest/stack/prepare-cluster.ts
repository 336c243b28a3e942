import { lookAt } from '#loadtest/cluster/client/kubeconfig.ts';
import { checkCluster, outOfReach } from '#loadtest/cluster/given/check-cluster.ts';
import { reachOf } from '#loadtest/cluster/given/reach-pods.ts';
import { whatIsLeft } from '#loadtest/cluster/given/what-is-left.ts';
import { ensureKubernetes, type BuildContext } from '#loadtest/cluster/real/build-kubernetes.ts';
import { KubernetesMissingError } from '#loadtest/cluster/real/kubernetes-binaries.ts';
import { pause } from '#shared/runtime/clock.ts';
import { ConfigError } from '#shared/runtime/read-config.ts';
import type { StackOptions } from './options.ts';

/**
 * Makes sure that the stack has a cluster to work on, before anything is started: builds a real one where it is missing,
 * looks at a given one. @throws ConfigError that says what to do.
 */
export async function prepareCluster(options: StackOptions, context: BuildContext): Promise<void> {
  const { cluster, replicas, keep } = options;
  if (cluster === 'embedded') return;
  if (cluster !== 'real') {
    const simulated = options.engine === 'sim';
    const told = await checkCluster({ kubeconfig: cluster.kubeconfig, replicas, simulated, kept: keep !== undefined });
    for (const line of told) context.tell(line);
    return;
  }
  const folder = await ensureKubernetes(context).catch((error: unknown) => {
    if (!(error instanceof KubernetesMissingError)) throw error;
    throw new ConfigError(`There is no real kube-apiserver on this machine: ${error.message}.\nNext: ${error.how}`);
  });
  context.tell(`kube-apiserver is that of ${folder}`);
}

const lookEveryMs = 1000;
const looks = 3;

/** Waits until a pod of the endpoint answers this machine. @throws ConfigError when several looks at running pods found none that does. */
export async function untilInReach(
  { cluster }: StackOptions,
  endpointId: string,
  { clock, signal }: Pick<BuildContext, 'clock' | 'signal'>,
): Promise<void> {
  if (typeof cluster === 'string') return;
  const path = `/api/v1/pods?labelSelector=fairway.dev%2Fendpoint%3D${endpointId}`;
  for (let failed = 0; failed < looks && !signal.aborted;) {
    const reach = await lookAt(cluster.kubeconfig, path).then(reachOf, () => 'unknown' as const);
    if (reach === 'reached') return;
    failed = reach === 'unreached' ? failed + 1 : 0;
    if (failed < looks) await pause(clock, lookEveryMs, signal);
  }
  if (!signal.aborted) throw new ConfigError(outOfReach);
}

/** Says at its end what is left in a cluster that is not the stack's own. */
export function tellWhatIsLeft({ cluster, keep }: StackOptions, tell: (text: string) => void): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      if (typeof cluster === 'string') return;
      const left = await whatIsLeft(cluster.kubeconfig, keep !== undefined).catch((error: unknown) => [
        `unknown: ${String(error)}`,
      ]);
      if (left.length > 0) tell(`\nLeft in the cluster of ${cluster.kubeconfig}:\n${left.join('\n')}`);
    },
  };
}
