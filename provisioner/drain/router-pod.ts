import type { RouterRegistration } from '#shared/contract/replica.ts';
import { isNotFound } from '../kube/kube-error.ts';
import { kinds } from '../kube/kinds.ts';
import type { KubeClient } from '../kube/kube-client.ts';

/** The one call that is needed of the API server. */
export type PodReader = Pick<KubeClient, 'get'>;

/**
 * True when Kubernetes says that a router's pod is gone: there is none of that name, it is another one, or it has
 * finished. A server that does not answer says nothing.
 */
export async function routerPodIsGone(
  kube: PodReader,
  { namespace, name, uid }: NonNullable<RouterRegistration['pod']>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const pod = await kube.get(kinds.pod, { namespace, name }, { signal });
    const { phase } = (pod['status'] ?? {}) as { phase?: string };
    return pod.metadata.uid !== uid || phase === 'Succeeded' || phase === 'Failed';
  } catch (error) {
    return isNotFound(error);
  }
}
