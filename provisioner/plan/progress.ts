import { phases, type StatusDocument } from '#shared/contract/status.ts';
import type { PoolReplica } from '#shared/contract/replica.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { kubeReason } from '../observe/reasons.ts';
import type { CurrentGroup } from './current-groups.ts';
import type { PlannedPools } from './plan-pools.ts';
import type { PodStage, PodView } from '../observe/pod-view.ts';
import type { Refusal } from './rollout-of.ts';

/** Where an endpoint stands: what the status says and what the lifecycle is decided by. */
export interface Progress {
  stage: PodStage;
  replicas: { desired: number; ready: number };
  replicaList: StatusDocument['replicaList'];
  /** Every replica that is asked for is ready, on the template that is current: an older one proves nothing about it. */
  complete: boolean;
  /** Each pool has at least one of them. */
  minimum: boolean;
  /** Each pool has at least one ready replica, whatever its template: the endpoint serves. */
  serving: boolean;
  /** How many times a replica of the current templates, of those that are asked for, has a node or is ready. */
  advance: number;
  /** New replicas have no room until others are gone. */
  short: boolean;
  /** Why the newest spec is not begun, or null. */
  refusal: Refusal | null;
  /** Ready replicas of which Kubernetes says otherwise, or null. */
  doubt: Pick<PodStage, 'reason' | 'message'> | null;
  /** Everything of the endpoint is gone. */
  tornDown: boolean;
  /** The newest spec has answered through every listener. */
  proved: boolean;
  /** What the endpoint's proofs failed with, or null as long as it does not count as unreachable. */
  unanswered: string | null;
}

/** Of an endpoint of which nothing is there. */
export const noProgress: Omit<Progress, 'stage'> = {
  replicas: { desired: 0, ready: 0 },
  replicaList: [],
  complete: false,
  minimum: false,
  serving: false,
  advance: 0,
  short: false,
  refusal: null,
  doubt: null,
  tornDown: false,
  proved: false,
  unanswered: null,
};

const done: PodStage = { phase: 'done', reason: 'Ready', message: 'Every replica has answered.' };

/** Measures a living endpoint by the documents that routers see. Pure. */
export function measure(
  current: readonly CurrentGroup[],
  observed: ObservedState,
  planned: PlannedPools,
): Omit<Progress, 'proved' | 'unanswered' | 'refusal' | 'short'> {
  const listed = new Map<string, PoolReplica['state']>();
  for (const { replicas } of planned.values())
    for (const { replicaId, state } of replicas) listed.set(replicaId, state);
  const isReady = ({ replicaId }: Pick<PodView, 'replicaId'>): boolean => listed.get(replicaId) === 'ready';
  const replicas = observed.pods.filter((pod) => !pod.finished);
  const groups = current.map((group) => {
    const pods = replicas.filter((pod) => pod.revision === group.revision && pod.deletingAt === undefined);
    const scale = group.group.accelerator.scale;
    return {
      ...group,
      scale,
      ready: pods.filter(isReady).length,
      placed: pods.filter(({ stage }) => stage.phase !== 'node').length,
      stage: groupStage(group, pods, { listed, observed }),
    };
  });
  const pools = [...new Set(groups.map(poolOf))];
  const serving = replicas.filter((pod) => pools.includes(pod.pool) && isReady(pod));
  return {
    stage: leastAdvanced(groups.map(({ stage }) => stage)),
    replicas: { desired: groups.reduce((sum, { scale }) => sum + scale, 0), ready: serving.length },
    replicaList: replicaListOf(observed, listed),
    complete: groups.every(({ scale, ready }) => ready >= scale),
    advance: groups.reduce(
      (sum, { scale, ready, placed }) => sum + Math.min(scale, ready) + Math.min(scale, placed),
      0,
    ),
    minimum: pools.every((pool) => groups.some((group) => poolOf(group) === pool && group.ready > 0)),
    serving: pools.every((pool) => serving.some((pod) => pod.pool === pool)),
    doubt: doubtOf(serving),
    tornDown: false,
  };
}

function poolOf({ group }: CurrentGroup): string {
  return group.deployment.modelId;
}

/** What to say of replicas that answer although Kubernetes does not take them for ready. */
function doubtOf(serving: readonly PodView[]): Progress['doubt'] {
  const doubted = serving.filter(({ ready }) => !ready);
  if (doubted.length === 0) return null;
  const names = doubted.slice(0, 8).map(({ name }) => name);
  const message = `Kubernetes does not take ${names.join(', ')} for ready; they answer and go on serving.`;
  return doubted.some(({ unheard }) => unheard)
    ? { reason: 'KubeletNotHeard', message: `The API server does not hear the kubelets. ${message}` }
    : { reason: 'ReadinessFails', message };
}

interface Listed {
  listed: ReadonlyMap<string, PoolReplica['state']>;
  observed: ObservedState;
}

/** The stage of the replica that keeps the group from being complete: the last of the `scale` most advanced ones. */
function groupStage(group: CurrentGroup, pods: readonly PodView[], { listed, observed }: Listed): PodStage {
  const stages = pods
    .filter((pod) => listed.get(pod.replicaId) !== 'draining')
    .map((pod) => (listed.get(pod.replicaId) === 'ready' ? done : pod.stage))
    .toSorted((a, b) => rank(b) - rank(a));
  return stages[group.group.accelerator.scale - 1] ?? creationStage(group.deployment.metadata.name, observed);
}

/** Fewer pods than asked for: what the Deployment says about it. */
function creationStage(name: string, { children }: ObservedState): PodStage {
  const problem = children
    .filter((child) => child.kind === 'Deployment' && child.metadata.name === name)
    .flatMap(conditionsOf)
    .find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  return {
    phase: 'capacity',
    reason: kubeReason(problem?.reason, 'Creating'),
    message: problem?.message ?? 'The replicas are being created.',
  };
}

interface DeploymentCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

function conditionsOf(deployment: KubeObject): DeploymentCondition[] {
  return (deployment['status'] as { conditions?: DeploymentCondition[] } | undefined)?.conditions ?? [];
}

function leastAdvanced(stages: readonly PodStage[]): PodStage {
  return stages.toSorted((a, b) => rank(a) - rank(b))[0] ?? done;
}

function rank({ phase }: PodStage): number {
  return phases.indexOf(phase);
}

/** The replicas that are there, as the documents `listed` was read from have them. Pure. */
export function replicaListOf(
  { pods, gates }: Pick<ObservedState, 'pods' | 'gates'>,
  listed: ReadonlyMap<string, PoolReplica['state']>,
): StatusDocument['replicaList'] {
  return pods
    .filter((pod) => !pod.finished)
    .map((pod) => replicaStatus(pod, listed.get(pod.replicaId), gates.get(pod.replicaId)?.overdue === true));
}

function replicaStatus(
  pod: PodView,
  state: PoolReplica['state'] | undefined,
  overdue: boolean,
): StatusDocument['replicaList'][number] {
  const { replicaId, name, stage } = pod;
  if (state === 'draining') return { replicaId, name, state, reason: overdue ? 'DrainOverdue' : 'Draining' };
  if (state === 'ready') return { replicaId, name, state, reason: 'Ready' };
  if (pod.deletingAt !== undefined) return { replicaId, name, state: 'draining', reason: 'Terminating' };
  if (state === 'proving') return { replicaId, name, state, reason: 'Proving' };
  return { replicaId, name, state: stage.phase === 'node' ? 'pending' : 'starting', reason: stage.reason };
}
