import { digest } from '#shared/runtime/keyed-hash.ts';

/** Name of an endpoint's custom resource. */
export const resourceName = (endpointId: string): string => `di-${endpointId}`;

/** Name of an endpoint's namespace. */
export const namespaceName = (endpointId: string): string => `fairway-${endpointId}`;

/** Where routers and shared parts live, and what marks the namespace as theirs for network policies. */
export const systemNamespace = 'fairway-system';

/** Prefix of a pool's objects. Ids that were made in the same millisecond begin alike, hence the hash. */
export const poolName = (pool: string): string => `pool-${digest(pool).slice(0, 10)}`;

/** The Secret of a pool. */
export const poolSecretName = (pool: string): string => `${poolName(pool)}-keys`;

/** Keys inside that Secret. */
export const secretKeys = { upstream: 'api-key', huggingFace: 'hugging-face-token' } as const;

/** The ServiceAccount of engines. */
export const engineAccountName = 'engine';
