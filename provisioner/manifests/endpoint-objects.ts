import type { KubeObject, OwnerReference } from '../kube/kube-object.ts';
import type { EngineGroup } from './engine-deployment.ts';
import { engineAccount, limits, networkPolicies, quota } from './guards.ts';
import { namespace, podSecurityOf } from './namespace.ts';
import { poolDisruptionBudget, poolSecret, poolService, type Pool } from './pool-objects.ts';
import type { AppliedSpec, ManifestSettings, PoolSecrets } from './applied-spec.ts';
import { intentSeqAnnotation, labels } from './names.ts';
import { fetchedFrom } from './weights.ts';
import { httpRoute, inferencePool, type Hosts } from './routes.ts';

/** The pools of a spec. */
export function poolsOf({ endpointId, deployments }: AppliedSpec, { engineOf }: ManifestSettings): Pool[] {
  return deployments.map((deployment) => ({ endpointId, deployment, profile: engineOf(deployment) }));
}

/** The groups of equal replicas of a spec. */
export function groupsOf(spec: AppliedSpec, settings: ManifestSettings): EngineGroup[] {
  return poolsOf(spec, settings).flatMap((pool) =>
    pool.deployment.accelerators.map((accelerator) => ({ ...pool, accelerator })),
  );
}

/** Everything of an endpoint but its custom resource and its Deployments, in the order of creation. */
export function supportObjects(
  spec: AppliedSpec,
  context: {
    owner: OwnerReference;
    secretsOf: (pool: string) => PoolSecrets;
    settings: ManifestSettings;
    /** What is there beside the replicas that the spec asks for: of older templates, or on its way out. */
    beside: { pods: number; gpus: number };
    /** All that the endpoint has or is about to have, of whichever template. */
    deployments: readonly KubeObject[];
    /** Its names at the cluster's Gateway; null where the cluster does not serve the Gateway API. */
    hosts: Hosts | null;
    /** Pools of which Kubernetes may evict a replica. */
    evictable: ReadonlySet<string>;
  },
): KubeObject[] {
  const { owner, secretsOf, settings, beside, deployments, hosts, evictable } = context;
  const pools = poolsOf(spec, settings);
  const objects = [
    namespace(spec, owner, podSecurityOf(deployments)),
    engineAccount(spec),
    ...networkPolicies(spec, deployments, settings.storage),
    quota(spec, beside),
    limits(spec),
    ...pools.map((pool) => poolSecret(pool, needed(pool, secretsOf(pool.deployment.modelId), deployments))),
    ...pools.map(poolService),
    ...pools.map((pool) => poolDisruptionBudget(pool, evictable.has(pool.deployment.modelId))),
    ...(hosts === null ? [] : [...pools.map(inferencePool), httpRoute(spec, pools, hosts)]),
  ];
  return objects.map((object) => fenced(object, spec.intentSeq));
}

/** Keys of storage lie where something is fetched with them, and nowhere else. */
function needed(pool: Pool, secrets: PoolSecrets, deployments: readonly KubeObject[]): PoolSecrets {
  const { storageKeys: _, ...rest } = secrets;
  const own = deployments.filter(({ metadata }) => metadata.labels?.[labels.pool] === pool.deployment.modelId);
  return own.some((deployment) => fetchedFrom(deployment) === 'storage') ? secrets : rest;
}

/** The object without the sequence that it was written for. */
export function unfenced(object: KubeObject): KubeObject {
  const { [intentSeqAnnotation]: _, ...annotations } = object.metadata.annotations ?? {};
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** Stamps an object with the sequence that it is written for. */
export function fenced(object: KubeObject, intentSeq: number): KubeObject {
  const annotations = { ...object.metadata.annotations, [intentSeqAnnotation]: String(intentSeq) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
