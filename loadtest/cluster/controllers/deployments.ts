import { createHash } from 'node:crypto';
import { builtin } from '../objects/kinds.ts';
import type { JsonObject, KubeObject } from '../objects/object.ts';
import type { Registry } from '../api/registry.ts';
import type { Deployment, ReplicaSet } from '../objects/workloads.ts';
import { setCondition, writeStatus, type Condition } from './conditions.ts';
import { ownedBy, ownerReference } from './owners.ts';

const manager = 'deployment-controller';
const hashLabel = 'pod-template-hash';

/** Keeps one ReplicaSet per Deployment (templates never change here) and reports its counts. */
export function reconcileDeployments(registry: Registry): void {
  const kind = builtin('apps/deployments');
  const sets = registry.store.list(builtin('apps/replicasets')) as ReplicaSet[];
  for (const deployment of registry.store.list(kind) as Deployment[]) {
    const set = sets.find((one) => ownedBy(one, deployment));
    if (deployment.metadata.deletionTimestamp === undefined) ensureSet(registry, deployment, set);
    const status = statusOf(deployment, set, registry.now());
    writeStatus(registry, { kind, object: deployment }, { status, manager });
  }
}

function ensureSet(registry: Registry, deployment: Deployment, set: ReplicaSet | undefined): void {
  const kind = builtin('apps/replicasets');
  const { replicas } = deployment.spec;
  if (set === undefined) return void registry.create(kind, replicaSetOf(deployment), { manager });
  if (set.spec.replicas === replicas) return;
  const { name, namespace } = set.metadata;
  const scaled = (live: KubeObject): KubeObject => ({ ...live, spec: { ...live.spec, replicas } });
  registry.update({ kind, namespace, name }, scaled, { manager });
}

function replicaSetOf(deployment: Deployment): KubeObject {
  const { name, namespace, labels } = deployment.metadata;
  const { template, replicas, selector } = deployment.spec;
  const hash = createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10);
  const withHash = { ...template.metadata.labels, [hashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, ...withHash },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: {
      replicas,
      selector: { matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels: withHash } } as JsonObject,
    },
  };
}

function statusOf(deployment: Deployment, set: ReplicaSet | undefined, now: string): JsonObject {
  const desired = deployment.spec.replicas;
  const count = (name: string): number => Number(set?.status?.[name] ?? 0);
  const [replicas, available] = [count('replicas'), count('availableReplicas')];
  const minimum = available >= desired - Math.floor(desired / 4);
  const complete = available >= desired && replicas === desired;
  const conditions: Condition[] = [
    {
      type: 'Available',
      status: minimum ? 'True' : 'False',
      reason: minimum ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: minimum ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
    },
    {
      type: 'Progressing',
      status: 'True',
      reason: complete ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated',
      message: complete ? 'The ReplicaSet has successfully progressed.' : 'The ReplicaSet is progressing.',
    },
  ];
  const status: JsonObject = {
    ...deployment.status,
    observedGeneration: deployment.metadata.generation,
    replicas,
    updatedReplicas: replicas,
    readyReplicas: count('readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, desired - available),
    terminatingReplicas: count('terminatingReplicas'),
  };
  return conditions.reduce((current, condition) => setCondition(current, condition, now), status);
}
