import { fenced } from '../manifests/endpoint-objects.ts';
import type { AppliedSpec } from '../manifests/applied-spec.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { kinds } from '../kube/kinds.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { SeenObject, Step } from './step.ts';
import { covers } from './covers.ts';
import { keptDeployment, scaledTo } from './current-groups.ts';
import { viewPod, type PodView } from '../observe/pod-view.ts';
import { deletionCosts, planReplicaCount, type ReplicaCountPlan } from './plan-replica-count.ts';
import { labels } from '../manifests/names.ts';
import { planMoves } from './rollout/closed-nodes.ts';
import { planRollout } from './rollout/rollout.ts';
import { listedReplicas, livePods, replicasOf, type GroupChoice } from './rollout-of.ts';

/** A Deployment of an endpoint. */
interface Workload {
  /** As it was made, whatever its count. */
  deployment: KubeObject;
  live: KubeObject | undefined;
  /** No group of the spec runs on it any more. */
  outdated: boolean;
  pods: readonly PodView[];
  /** Pods that are marked for deletion and still there. */
  ending: readonly PodView[];
  plan: ReplicaCountPlan;
}

/** The Deployments of an endpoint as they should be next. */
export interface WorkloadPlan {
  workloads: readonly Workload[];
  /** Replica ids that are to go. */
  victims: ReadonlySet<string>;
  /** Deployments that no group of the spec runs on any more are still there. */
  moving: boolean;
  /** Pools whose requests are to be held. */
  held: ReadonlySet<string>;
  /** New replicas have no room beside the old ones. */
  short: boolean;
  /** Pools of which a replica has to leave its node and no other has room for one in its place. */
  stuck: ReadonlySet<string>;
}

/** Reference of an object as a precondition. */
export function seen(object: KubeObject, kind: SeenObject['kind']): SeenObject {
  const { name, namespace, uid = '', resourceVersion = '' } = object.metadata;
  return { kind, name, namespace, uid, resourceVersion };
}

/** Decides replica counts and victims of every Deployment, current and outdated. Pure. */
export function planWorkloads(
  { current, rollout }: Pick<GroupChoice, 'current' | 'rollout'>,
  observed: ObservedState,
): WorkloadPlan {
  const listed = listedReplicas(observed);
  const live = observed.children.filter((child) => child.kind === 'Deployment');
  const outdated = live.filter(
    ({ metadata }) => !current.some(({ deployment }) => deployment.metadata.name === metadata.name),
  );
  const { counts, kept, leaving: followed, held, short } = planRollout(rollout);
  const moves = planMoves(rollout);
  const leaving = followed.union(moves.leaving);
  const plan = (deployment: KubeObject, scale: number): Workload => {
    const object = live.find(({ metadata }) => metadata.name === deployment.metadata.name);
    const revision = deployment.metadata.labels?.[labels.revision];
    const pods = livePods(observed.pods, revision);
    const ending = observed.pods.filter(
      (pod) => pod.revision === revision && !pod.finished && pod.deletingAt !== undefined,
    );
    const count = object === undefined ? null : replicasOf(object);
    const settled = object !== undefined && isSettled(object, pods.length);
    const { gates, loads } = observed;
    return {
      deployment,
      live: object,
      outdated: outdated.includes(deployment),
      pods,
      ending,
      plan: planReplicaCount({ scale, current: count, settled, pods, listed, gates, preference: { leaving, loads } }),
    };
  };
  const workloads = [
    ...current.map(({ deployment }, index) => plan(deployment, Math.max(counts[index] ?? 0, moves.counts[index] ?? 0))),
    ...outdated.map((deployment, index) => plan(deployment, kept[index] ?? 0)),
  ];
  return {
    workloads,
    victims: new Set(workloads.flatMap(({ plan: { victims } }) => victims.map((pod) => pod.replicaId))),
    moving: outdated.length > 0,
    held,
    short,
    stuck: moves.stuck,
  };
}

/** What the namespace holds beside the current replicas: pods of outdated Deployments, and those on their way out. */
export function roomBeside({ workloads }: WorkloadPlan, { pods }: ObservedState): { pods: number; gpus: number } {
  const current = new Set(workloads.flatMap((workload) => (workload.outdated ? [] : workload.pods)));
  const others = pods.filter((pod) => !pod.finished && !current.has(pod));
  // A pod of an outdated Deployment that was lost is made again.
  const missing = workloads.map(({ outdated, live, pods: made }) => {
    if (!outdated || live === undefined) return { pods: 0, gpus: 0 };
    const count = Math.max(0, replicasOf(live) - made.length);
    return { pods: count, gpus: count * gpusOf(live) };
  });
  return [...others.map(({ gpus }) => ({ pods: 1, gpus })), ...missing].reduce(
    (sum, each) => ({ pods: sum.pods + each.pods, gpus: sum.gpus + each.gpus }),
    { pods: 0, gpus: 0 },
  );
}

function gpusOf(deployment: KubeObject): number {
  const template = (deployment['spec'] as { template?: Pick<KubeObject, 'metadata' | 'spec'> } | undefined)?.template;
  return viewPod({ ...deployment, metadata: deployment.metadata, spec: template?.['spec'] }).gpus;
}

/** The steps towards a workload plan. Counts sink only for marks that have been seen, so a growing count may come first. */
export function planWorkloadSteps(spec: AppliedSpec, plan: WorkloadPlan): Step[] {
  const marks = plan.workloads.flatMap(({ plan: { marks: due } }) =>
    due.map(({ pod, cost, why }): Step => {
      const { name, namespace, replicaId: uid, resourceVersion } = pod;
      return { kind: 'mark-pod', seen: { kind: kinds.pod, name, namespace, uid, resourceVersion }, cost, why };
    }),
  );
  const writes = plan.workloads.flatMap(({ deployment, live, outdated, pods, plan: { replicas } }): Step[] => {
    if (outdated && live !== undefined && replicas === 0 && replicasOf(live) === 0 && pods.length === 0)
      return [{ kind: 'delete', seen: seen(live, kinds.deployment), why: 'an outdated revision has no replicas left' }];
    const planned = fenced(scaledTo(outdated ? keptDeployment(deployment) : deployment, replicas), spec.intentSeq);
    if (live !== undefined && covers(live, planned)) return [];
    const why = `${replicas} replicas are asked for now`;
    if (live === undefined) return [{ kind: 'apply', object: planned, why }];
    // The fence does not tell writes of one sequence apart: one that comes late must not move the count back.
    const { uid, resourceVersion } = seen(live, kinds.deployment);
    return [{ kind: 'apply', object: planned, uid, resourceVersion, why }];
  });
  return [...writes, ...marks, ...plan.workloads.flatMap((workload) => tellOfUnchosen(spec, workload))];
}

/** While released victims are still there no other pod of the Deployment should go: if one does, people must know. */
function tellOfUnchosen({ team, intentSeq }: AppliedSpec, { plan: { victims }, ending }: Workload): Step[] {
  const waiting = victims.filter((pod) => pod.deletionCost === deletionCosts.released);
  if (waiting.length === 0) return [];
  const unchosen = ending.filter((pod) => pod.deletionCost === deletionCosts.keep);
  return unchosen.map((pod) => ({
    kind: 'tell',
    key: `unchosen/${pod.replicaId}`,
    team,
    revision: intentSeq,
    type: 'replica.unchosen',
    message: `${pod.name} is going although ${waiting.map(({ name }) => name).join(', ')} was chosen to go.`,
    hint: 'See in the cluster’s audit log who deletes pods of the endpoint: its requests in flight were cut.',
    why: 'a pod that was not chosen is being deleted during a scale-down',
  }));
}

function isSettled(deployment: KubeObject, pods: number): boolean {
  const status = deployment['status'] as { observedGeneration?: number; replicas?: number } | undefined;
  return status?.observedGeneration === deployment.metadata.generation && (status?.replicas ?? 0) === pods;
}
