import { builtin } from '../objects/kinds.ts';
import { at, type JsonObject, type KubeObject } from '../objects/object.ts';
import type { Registry } from '../api/registry.ts';
import type { Pod, ReplicaSet } from '../objects/workloads.ts';
import { hasCondition, writeStatus } from './conditions.ts';
import { ownedBy, ownerReference } from './owners.ts';

const manager = 'replicaset-controller';

/** Pods made or deleted in one turn, as Kubernetes bounds a burst. */
const burstMax = 500;

/** Makes and deletes pods until their number is right, and reports the counts. */
export function reconcileReplicaSets(registry: Registry): void {
  const kind = builtin('apps/replicasets');
  const pods = registry.store.list(builtin('/pods')) as Pod[];
  for (const set of registry.store.list(kind) as ReplicaSet[]) {
    const mine = pods.filter((pod) => ownedBy(pod, set));
    const active = mine.filter((pod) => pod.metadata.deletionTimestamp === undefined && !isOver(pod));
    if (set.metadata.deletionTimestamp === undefined) scale(registry, set, active);
    writeStatus(registry, { kind, object: set }, { status: countsOf(set, mine, active), manager });
  }
}

const isOver = (pod: Pod): boolean => ['Succeeded', 'Failed'].includes(String(pod.status?.['phase']));

function scale(registry: Registry, set: ReplicaSet, active: Pod[]): void {
  const kind = builtin('/pods');
  const missing = Math.min(set.spec.replicas - active.length, burstMax);
  for (let made = 0; made < missing; made += 1)
    registry.create(kind, podOf(set, registry.newUid().slice(0, 5)), { manager });
  for (const pod of rankForDeletion(active).slice(0, Math.max(0, -missing))) {
    const { name, namespace, uid } = pod.metadata;
    registry.delete({ kind, namespace, name }, { preconditions: { uid } });
  }
}

function podOf(set: ReplicaSet, suffix: string): KubeObject {
  const { metadata, spec } = set.spec.template;
  const { name, namespace = '' } = set.metadata;
  const ownerReferences = [ownerReference(set)];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: `${name}-${suffix}`, namespace, ownerReferences } as KubeObject['metadata'],
    spec: spec as JsonObject,
  };
}

/**
 * The order in which a ReplicaSet gives up its pods. Source: Kubernetes `controller_utils.go`,
 * ActivePodsWithRanks.Less: unbound, pending, not ready, low deletion cost, crowded node, young, restarted, new.
 */
export function rankForDeletion(pods: Pod[]): Pod[] {
  const onNode = (pod: Pod): number => pods.filter((other) => other.spec.nodeName === pod.spec.nodeName).length;
  const rank = (pod: Pod): number[] => [
    pod.spec.nodeName === undefined ? 0 : 1,
    ['Pending', 'Unknown', 'Running'].indexOf(String(pod.status?.['phase'] ?? 'Pending')),
    hasCondition(pod.status, 'Ready') ? 1 : 0,
    Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0),
    -onNode(pod),
    -Date.parse(readySince(pod)),
    -restarts(pod),
    -Date.parse(pod.metadata.creationTimestamp ?? ''),
  ];
  const ranked = pods.map((pod) => ({ pod, rank: rank(pod) }));
  return ranked.toSorted((a, b) => compare(a.rank, b.rank)).map(({ pod }) => pod);
}

function compare(a: number[], b: number[]): number {
  for (const [position, left] of a.entries()) {
    const difference = left - (b[position] ?? 0);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return 0;
}

function readySince(pod: Pod): string {
  const conditions = pod.status?.['conditions'];
  const ready = Array.isArray(conditions) ? conditions.find((one) => at(one, 'type') === 'Ready') : undefined;
  return String(at(ready, 'lastTransitionTime') ?? '');
}

function restarts(pod: Pod): number {
  const statuses = pod.status?.['containerStatuses'];
  return Array.isArray(statuses) ? Math.max(0, ...statuses.map((one) => Number(at(one, 'restartCount') ?? 0))) : 0;
}

function countsOf(set: ReplicaSet, mine: Pod[], active: Pod[]): JsonObject {
  const ready = active.filter((pod) => hasCondition(pod.status, 'Ready')).length;
  return {
    replicas: active.length,
    fullyLabeledReplicas: active.length,
    readyReplicas: ready,
    availableReplicas: ready,
    terminatingReplicas: mine.filter((pod) => pod.metadata.deletionTimestamp !== undefined).length,
    observedGeneration: set.metadata.generation,
  };
}
