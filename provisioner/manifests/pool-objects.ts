import type { ModelDeployment } from '#shared/contract/desired.ts';
import type { EngineProfile } from '../engines/engine-profile.ts';
import type { KubeObject, ObjectMeta } from '../kube/kube-object.ts';
import type { PoolSecrets } from './applied-spec.ts';
import { namespaceName, poolName, poolSecretName, secretKeys, labels, labelsOf } from './names.ts';

/** A pool of an endpoint. */
export interface Pool {
  endpointId: string;
  deployment: ModelDeployment;
  profile: EngineProfile;
}

/** Replicas that a pool is asked to have. */
export function poolScale(deployment: ModelDeployment): number {
  return deployment.accelerators.reduce((sum, { scale }) => sum + scale, 0);
}

function metaOf({ endpointId, deployment }: Pool, name: string, component: string): ObjectMeta {
  return {
    name,
    namespace: namespaceName(endpointId),
    labels: { ...labelsOf(endpointId, component), [labels.pool]: deployment.modelId },
  };
}

/** The pool's keys. Values are base64 as the API server keeps them, so that a read compares equal. */
export function poolSecret(pool: Pool, secrets: PoolSecrets): KubeObject {
  const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
  const { upstreamKey, huggingFaceToken, storageKeys } = secrets;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metaOf(pool, poolSecretName(pool.deployment.modelId), 'keys'),
    type: 'Opaque',
    data: {
      [secretKeys.upstream]: encode(upstreamKey),
      ...(huggingFaceToken !== undefined && { [secretKeys.huggingFace]: encode(huggingFaceToken) }),
      ...(storageKeys !== undefined && {
        [secretKeys.storageKeyId]: encode(storageKeys.keyId),
        [secretKeys.storageSecret]: encode(storageKeys.secret),
      }),
    },
  };
}

/** Stable membership and metrics; not the data path. */
export function poolService(pool: Pool): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metaOf(pool, poolName(pool.deployment.modelId), 'service'),
    spec: {
      clusterIP: 'None',
      selector: { [labels.endpoint]: pool.endpointId, [labels.pool]: pool.deployment.modelId },
      ports: [{ name: 'http', port: pool.profile.port, targetPort: pool.profile.port, protocol: 'TCP' }],
    },
  };
}

/**
 * Holds evictions (`kubectl drain`): a replica on a closed node goes by its own drain, after another one is proven. Where
 * no node has room for another, one at a time may be evicted. One that is not ready serves nobody and always may.
 */
export function poolDisruptionBudget(pool: Pool, evictable: boolean): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metaOf(pool, poolName(pool.deployment.modelId), 'disruption-budget'),
    spec: {
      maxUnavailable: evictable ? 1 : 0,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: {
        matchLabels: { [labels.endpoint]: pool.endpointId, [labels.pool]: pool.deployment.modelId },
      },
    },
  };
}
