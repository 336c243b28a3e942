import { engineProfiles } from '#shared/contract/catalog.ts';
import type { KubeObject, OwnerReference } from '../kube/kube-object.ts';
import type { EngineGroup } from './engine-deployment.ts';
import { engineAccount, limits, networkPolicies, quota } from './guards.ts';
import { intentSeqAnnotation } from './labels.ts';
import { namespace } from './namespace.ts';
import { poolDisruptionBudget, poolSecret, poolService, type Pool } from './pool-objects.ts';
import type { PoolSecrets, Target } from './target.ts';

/** The engine that serves a model. One kind of engine is built in so far. */
export const profile = engineProfiles.sim;

/** The pools of a target. */
export function poolsOf({ endpointId, deployments }: Target): Pool[] {
  return deployments.map((deployment) => ({ endpointId, deployment, profile }));
}

/** The groups of equal replicas of a target. */
export function groupsOf(target: Target): EngineGroup[] {
  return poolsOf(target).flatMap((pool) =>
    pool.deployment.accelerators.map((accelerator) => ({ ...pool, accelerator })),
  );
}

/** Everything of an endpoint but its custom resource and its Deployments, in the order of creation. */
export function supportObjects(
  target: Target,
  owner: OwnerReference,
  secretsOf: (pool: string) => PoolSecrets,
): KubeObject[] {
  const pools = poolsOf(target);
  const objects = [
    namespace(target, owner),
    engineAccount(target),
    ...networkPolicies(target, profile.port),
    quota(target),
    limits(target),
    ...pools.map((pool) => poolSecret(pool, secretsOf(pool.deployment.modelId))),
    ...pools.map(poolService),
    ...pools.flatMap((pool) => poolDisruptionBudget(pool) ?? []),
  ];
  return objects.map((object) => fenced(object, target.intentSeq));
}

/** Stamps an object with the sequence that it is written for. */
export function fenced(object: KubeObject, intentSeq: number): KubeObject {
  const annotations = { ...object.metadata.annotations, [intentSeqAnnotation]: String(intentSeq) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
