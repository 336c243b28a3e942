import type { GpuMaker } from '#shared/contract/catalogue/catalog.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import type { KubeObject } from '../kube/kube-object.ts';

/** Name of an endpoint's custom resource. */
export const resourceName = (endpointId: string): string => `di-${endpointId}`;

/** Name of an endpoint's namespace. */
export const namespaceName = (endpointId: string): string => `fairway-${endpointId}`;

/** Where routers and shared parts live, and what marks the namespace as theirs for network policies. */
export const systemNamespace = 'fairway-system';

/** The Secret with the certificate of routers' private listeners, one in each cluster. */
export const leafSecretName = 'router-private-tls';

/** Prefix of a pool's objects. Ids that were made in the same millisecond begin alike, hence the hash. */
export const poolName = (pool: string): string => `pool-${digest(pool).slice(0, 10)}`;

/** The Secret of a pool. */
export const poolSecretName = (pool: string): string => `${poolName(pool)}-keys`;

/** Keys inside that Secret. */
export const secretKeys = {
  upstream: 'api-key',
  huggingFace: 'hugging-face-token',
  storageKeyId: 'storage-access-key-id',
  storageSecret: 'storage-secret-access-key',
} as const;

/** The ServiceAccount of engines. */
export const engineAccountName = 'engine';

/** What nodes and quotas call the GPUs of each maker; their taints have the same name. */
export const gpuResources: Readonly<Record<GpuMaker, string>> = { nvidia: 'nvidia.com/gpu', amd: 'amd.com/gpu' };

/** Labels of everything that belongs to an endpoint: found, pruned and swept by them. */
export const labels = {
  endpoint: 'fairway.dev/endpoint',
  /** Id of the model deployment. */
  pool: 'fairway.dev/pool',
  /** Hash of the pod template. */
  revision: 'fairway.dev/revision',
  /** Id of the group of equal replicas. */
  accelerator: 'fairway.dev/accelerator',
} as const;

/** The stream sequence of the spec that an object was last written for; the fence refuses a decrease. */
export const intentSeqAnnotation = 'fairway.dev/intent-seq';

/** What the spec asked for when a Deployment was made, as a hash: while it asks the same the template is kept. */
export const askedAnnotation = 'fairway.dev/asked';

/** Port that a pod really listens on, where pods share an address; written by the kubelet. */
export const podPortAnnotation = 'fairway.dev/pod-port';

/** Kubernetes' own: pods with a lower cost are taken first when a ReplicaSet shrinks. */
export const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

/** Labels of an object of an endpoint; `component` is what it is for. */
export function labelsOf(endpointId: string, component: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'fairway',
    'app.kubernetes.io/instance': resourceName(endpointId),
    'app.kubernetes.io/component': component,
    'app.kubernetes.io/managed-by': 'fairway-provisioner',
    [labels.endpoint]: endpointId,
  };
}

/**
 * The endpoint that an object belongs to; undefined for one that is not ours. A label alone proves nothing, anybody can
 * write one: the custom resource and the namespace must have the endpoint's own names, the namespace its owner too, and
 * everything else must lie in that namespace.
 */
export function endpointOf({ kind, metadata }: KubeObject): string | undefined {
  const endpointId = metadata.labels?.[labels.endpoint];
  if (endpointId === undefined) return undefined;
  const owned = (metadata.ownerReferences ?? []).some(
    (owner) => owner.kind === 'DedicatedInference' && owner.name === resourceName(endpointId),
  );
  const ours =
    kind === 'Namespace'
      ? metadata.name === namespaceName(endpointId) && owned
      : metadata.namespace === undefined
        ? metadata.name === resourceName(endpointId)
        : metadata.namespace === namespaceName(endpointId);
  return ours ? endpointId : undefined;
}

/** The sequence that an object was last written for; -1 when it carries none. */
export function intentSeqOf({ kind, metadata, spec }: KubeObject): number {
  if (kind === 'DedicatedInference') return (spec as { intentSeq?: number } | undefined)?.intentSeq ?? -1;
  const text = metadata.annotations?.[intentSeqAnnotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : -1;
}
