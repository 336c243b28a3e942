import type { EngineGroup } from '../manifests/engine-deployment.ts';
import { engineDeployment } from '../manifests/engine-deployment.ts';
import { fenced, groupsOf } from '../manifests/endpoint-objects.ts';
import { labels } from '../manifests/labels.ts';
import type { Target } from '../manifests/target.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { kinds } from '../kube/kinds.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PlanSettings } from './settings.ts';
import type { SeenObject, Step } from './step.ts';
import { covers } from './covers.ts';
import type { PodView } from '../observe/pod-view.ts';
import { deletionCosts, planScale, type ScalePlan } from './plan-scale.ts';

/** A Deployment of an endpoint: one that the target wants (with its group), or an outdated one. */
interface Workload {
  name: string;
  live: KubeObject | undefined;
  group: EngineGroup | undefined;
  pods: readonly PodView[];
  /** Pods that are marked for deletion and still there. */
  ending: readonly PodView[];
  plan: ScalePlan;
}

/** The Deployments of an endpoint as they should be next. */
export interface WorkloadPlan {
  workloads: readonly Workload[];
  /** Replica ids that are to go. */
  victims: ReadonlySet<string>;
}

/** Reference of an object as a precondition. */
export function seen(object: KubeObject, kind: SeenObject['kind']): SeenObject {
  const { name, namespace, uid = '', resourceVersion = '' } = object.metadata;
  return { kind, name, namespace, uid, resourceVersion };
}

/** Decides replica counts and victims of every Deployment, wanted and outdated. Pure. */
export function planWorkloads(target: Target, observed: ObservedState, settings: PlanSettings): WorkloadPlan {
  const listed = listedReplicas(observed);
  const live = observed.children.filter((child) => child.kind === 'Deployment');
  const wanted = groupsOf(target).map((group) => {
    const { metadata } = engineDeployment(group, settings.manifests, 0);
    return { name: metadata.name, group, revision: metadata.labels?.[labels.revision] ?? '' };
  });
  const outdated = live
    .filter((object) => !wanted.some(({ name }) => name === object.metadata.name))
    .map(({ metadata }) => ({
      name: metadata.name,
      group: undefined,
      revision: metadata.labels?.[labels.revision] ?? '',
      pool: metadata.labels?.[labels.pool] ?? '',
    }));
  const replaced = (pool: string): boolean =>
    wanted
      .filter(({ group }) => group.deployment.modelId === pool)
      .every(({ group, revision }) => {
        const serving = observed.pods.filter(
          (pod) => pod.revision === revision && listed.get(pod.replicaId) === 'ready' && pod.deletingAt === undefined,
        );
        return serving.length >= group.accelerator.scale;
      });
  const workloads = [...wanted, ...outdated].map(({ name, group, revision, ...rest }): Workload => {
    const object = live.find(({ metadata }) => metadata.name === name);
    const all = observed.pods.filter((pod) => pod.revision === revision);
    const pods = all.filter((pod) => pod.deletingAt === undefined);
    const ending = all.filter((pod) => pod.deletingAt !== undefined);
    const current = object === undefined ? null : replicasOf(object);
    const retired = 'pool' in rest && replaced(rest.pool);
    const scale = group?.accelerator.scale ?? (retired ? 0 : (current ?? 0));
    const settled = object !== undefined && isSettled(object, pods.length);
    const plan = planScale({ wanted: scale, current, settled, pods, listed, gates: observed.gates });
    return { name, live: object, group, pods, ending, plan };
  });
  return { workloads, victims: new Set(workloads.flatMap(({ plan }) => plan.victims.map((pod) => pod.replicaId))) };
}

/** The steps towards a workload plan. Counts sink only for marks that have been seen, so a growing count may come first. */
export function planWorkloadSteps(target: Target, plan: WorkloadPlan, settings: PlanSettings): Step[] {
  const marks = plan.workloads.flatMap(({ plan: { marks: due } }) =>
    due.map(({ pod, cost }): Step => {
      const { name, namespace, replicaId: uid, resourceVersion } = pod;
      return {
        kind: 'mark-pod',
        seen: { kind: kinds.pod, name, namespace, uid, resourceVersion },
        cost,
        why: whyMarked(cost),
      };
    }),
  );
  const writes = plan.workloads.flatMap(({ live, group, pods, plan: { replicas } }): Step[] => {
    const object =
      group === undefined ? outdatedAt(live, replicas) : engineDeployment(group, settings.manifests, replicas);
    if (object === undefined) return [];
    if (group === undefined && live !== undefined && replicas === 0 && replicasOf(live) === 0 && pods.length === 0)
      return [{ kind: 'delete', seen: seen(live, kinds.deployment), why: 'an outdated revision has no replicas left' }];
    const wanted = fenced(object, target.intentSeq);
    if (live !== undefined && covers(live, wanted)) return [];
    return [{ kind: 'apply', object: wanted, why: `${replicas} replicas are wanted now` }];
  });
  return [...writes, ...marks, ...plan.workloads.flatMap((workload) => tellOfUnchosen(target, workload))];
}

/** While released victims are still there no other pod of the Deployment should go: if one does, people must know. */
function tellOfUnchosen({ team, intentSeq }: Target, { plan: { victims }, ending }: Workload): Step[] {
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
    why: 'a pod that was not chosen is being deleted during a scale-down',
  }));
}

/** An outdated Deployment keeps everything but its count. */
function outdatedAt(live: KubeObject | undefined, replicas: number): KubeObject | undefined {
  if (live === undefined) return undefined;
  const { apiVersion, kind, metadata } = live;
  const { name, namespace, labels: kept } = metadata;
  const spec = { ...(live['spec'] as object), replicas };
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), ...(kept && { labels: kept }) },
    spec,
  };
}

function whyMarked(cost: number): string {
  if (cost === deletionCosts.keep) return 'the replica stays after all';
  return cost === deletionCosts.draining
    ? 'the replica was chosen to go'
    : 'nothing is in flight on the replica any more';
}

function listedReplicas(observed: ObservedState): Map<string, 'proving' | 'ready' | 'draining'> {
  const replicas = [...observed.pools.values()].flatMap(({ document }) => document?.replicas ?? []);
  return new Map(replicas.map(({ replicaId, state }) => [replicaId, state]));
}

function replicasOf(deployment: KubeObject): number {
  const spec = deployment['spec'] as { replicas?: number } | undefined;
  return spec?.replicas ?? 1;
}

function isSettled(deployment: KubeObject, pods: number): boolean {
  const status = deployment['status'] as { observedGeneration?: number; replicas?: number } | undefined;
  return status?.observedGeneration === deployment.metadata.generation && (status?.replicas ?? 0) === pods;
}
