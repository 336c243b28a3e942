import { engineProfiles } from '#shared/contract/catalog.ts';
import type { KubeObject, OwnerReference } from '../kube/kube-object.ts';
import type { EngineGroup } from './engine-deployment.ts';
import { engineAccount, limits, networkPolicies, quota } from './guards.ts';
import { intentSeqAnnotation } from './labels.ts';
import { namespace } from './namespace.ts';
import { poolDisruptionBudget, poolSecret, poolService, type Pool } from './pool-objects.ts';
import type { PoolSecrets, AppliedSpec } from './applied-spec.ts';

/** The engine that serves a model. One kind of engine is built in so far. */
export const profile = engineProfiles.sim;

/** The pools of a spec. */
export function poolsOf({ endpointId, deployments }: AppliedSpec): Pool[] {
  return deployments.map((deployment) => ({ endpointId, deployment, profile }));
}

/** The groups of equal replicas of a spec. */
export function groupsOf(spec: AppliedSpec): EngineGroup[] {
  return poolsOf(spec).flatMap((pool) => pool.deployment.accelerators.map((accelerator) => ({ ...pool, accelerator })));
}

/** Everything of an endpoint but its custom resource and its Deployments, in the order of creation. */
export function supportObjects(
  spec: AppliedSpec,
  owner: OwnerReference,
  secretsOf: (pool: string) => PoolSecrets,
): KubeObject[] {
  const pools = poolsOf(spec);
  const objects = [
    namespace(spec, owner),
    engineAccount(spec),
    ...networkPolicies(spec, profile.port),
    quota(spec),
    limits(spec),
    ...pools.map((pool) => poolSecret(pool, secretsOf(pool.deployment.modelId))),
    ...pools.map(poolService),
    ...pools.flatMap((pool) => poolDisruptionBudget(pool) ?? []),
  ];
  return objects.map((object) => fenced(object, spec.intentSeq));
}

/** Stamps an object with the sequence that it is written for. */
export function fenced(object: KubeObject, intentSeq: number): KubeObject {
  const annotations = { ...object.metadata.annotations, [intentSeqAnnotation]: String(intentSeq) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
