import type { PoolDocument } from '#shared/contract/replica.ts';
import { kinds } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { teardownFinalizer } from '../manifests/custom-resource.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { Step } from './step.ts';
import { seen } from './plan-workloads.ts';

/** How to take an endpoint down: `drain` waits for requests in flight first. */
export interface TeardownOptions {
  drain: boolean;
  drainTimeoutMs: number;
  why: string;
}

/** The next steps of a teardown; `gone` when nothing of the endpoint is seen any more. */
export interface TeardownPlan {
  steps: Step[];
  gone: boolean;
  message: string;
}

/**
 * In order, each level from what is seen and not from what was done: routers let go of the replicas, the custom
 * resource is deleted (its finalizer holds it), the Deployments are gone with their pods, the namespace is deleted and
 * gone, the pool documents go, the finalizer goes. Pods go before the namespace because its controller, which finds some
 * there, comes back after half of their grace: five minutes, however soon they end (Kubernetes
 * pkg/controller/namespace, estimateGracefulTermination).
 */
export function planTeardown(observed: ObservedState, options: TeardownOptions): TeardownPlan {
  const { resource, namespace, pods, children } = observed;
  const deployments = children.filter(({ kind }) => kind === kinds.deployment.kind);
  const { why } = options;
  const plan = (steps: Step[], message: string): TeardownPlan => ({ steps, gone: false, message });
  const first = resource ?? namespace;
  if (options.drain && first !== null && !isEnding(first)) {
    const drains = drainSteps(observed, options);
    if (drains.length > 0) return plan(drains, 'The replicas are being drained.');
    if (isDraining(observed)) return plan([], 'Waiting for requests in flight.');
  }
  if (resource !== null && resource.metadata.deletionTimestamp === undefined)
    return plan([{ kind: 'delete', seen: seen(resource, kinds.dedicatedInference), why }], 'Deletion has begun.');
  if (namespace !== null && !isEnding(namespace) && deployments.length > 0)
    return plan(
      deployments
        .filter((deployment) => !isEnding(deployment))
        .map((object) => ({ kind: 'delete', seen: seen(object, kinds.deployment), propagation: 'Foreground', why })),
      'The replicas are ending.',
    );
  if (namespace !== null)
    return plan(
      isEnding(namespace) ? [] : [{ kind: 'delete', seen: seen(namespace, kinds.namespace), why }],
      'The namespace is being emptied.',
    );
  if (children.length > 0 || pods.length > 0) return plan([], 'The last objects are going.');
  const removals = [...observed.pools].flatMap(([pool, { document, seq }]): Step[] =>
    document === null ? [] : [{ kind: 'remove-pool', pool, vpcId: document.vpcId, expectedSeq: seq, why }],
  );
  if (removals.length > 0) return plan(removals, 'Routers forget the endpoint.');
  if (resource === null) return { steps: [], gone: true, message: 'Nothing is left.' };
  return plan(releaseSteps(resource), 'The custom resource is being released.');
}

/** All replicas of all pools go, and none comes: one write per document that does not say so yet. */
function drainSteps(observed: ObservedState, { drainTimeoutMs, why }: TeardownOptions): Step[] {
  const deadline = new Date(observed.now + drainTimeoutMs).toISOString();
  return [...observed.pools.values()].flatMap(({ document, seq }): Step[] => {
    if (document === null) return [];
    if (document.deleting === true && document.replicas.every(({ state }) => state === 'draining')) return [];
    const replicas = document.replicas.map((replica): PoolDocument['replicas'][number] =>
      replica.state === 'draining' ? replica : { ...replica, state: 'draining', drainDeadline: deadline },
    );
    return [{ kind: 'write-pool', document: { ...document, replicas, deleting: true }, expectedSeq: seq, why }];
  });
}

function isDraining(observed: ObservedState): boolean {
  const alive = new Set(observed.pods.map(({ replicaId }) => replicaId));
  return [...observed.pools.values()]
    .flatMap(({ document }) => document?.replicas ?? [])
    .some(({ replicaId }) => alive.has(replicaId) && observed.gates.get(replicaId)?.go !== true);
}

function releaseSteps(resource: KubeObject): Step[] {
  const finalizers = resource.metadata.finalizers ?? [];
  if (!finalizers.includes(teardownFinalizer)) return [];
  const rest = finalizers.filter((finalizer) => finalizer !== teardownFinalizer);
  const why = 'everything that the resource stands for is gone';
  return [{ kind: 'release-resource', seen: seen(resource, kinds.dedicatedInference), finalizers: rest, why }];
}

function isEnding(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}
