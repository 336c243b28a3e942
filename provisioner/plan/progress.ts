import { phases, type StatusDocument } from '#shared/contract/status.ts';
import type { PoolReplica } from '#shared/contract/replica.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { poolScale } from '../manifests/pool-objects.ts';
import type { AppliedSpec } from '../manifests/applied-spec.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { WantedPools } from './plan-pools.ts';
import type { PodStage, PodView } from '../observe/pod-view.ts';

/** Where an endpoint stands: what the status says and what the lifecycle is decided by. */
export interface Progress {
  stage: PodStage;
  replicas: { desired: number; ready: number };
  replicaList: StatusDocument['replicaList'];
  /** Every replica that is asked for is ready. */
  complete: boolean;
  /** Each pool has at least one ready replica. */
  minimum: boolean;
  /** Everything of the endpoint is gone. */
  tornDown: boolean;
  /** The newest spec has answered through every listener. */
  proved: boolean;
  /** What the endpoint's proofs failed with, or null as long as it does not count as unreachable. */
  unanswered: string | null;
}

const done: PodStage = { phase: 'done', reason: 'Ready', message: 'Every replica has answered.' };

/** Measures a living endpoint by the documents that routers see. Pure. */
export function measure(
  target: AppliedSpec,
  observed: ObservedState,
  wanted: WantedPools,
): Omit<Progress, 'proved' | 'unanswered'> {
  const listed = new Map<string, PoolReplica['state']>();
  for (const { replicas } of wanted.values()) for (const { replicaId, state } of replicas) listed.set(replicaId, state);
  const pools = target.deployments.map((deployment) => {
    const pods = observed.pods.filter((pod) => pod.pool === deployment.modelId && pod.deletingAt === undefined);
    const ready = pods.filter((pod) => listed.get(pod.replicaId) === 'ready').length;
    return { scale: poolScale(deployment), pods, ready, stage: poolStage(pods, { deployment, listed, observed }) };
  });
  const sum = (pick: (pool: (typeof pools)[number]) => number): number =>
    pools.reduce((total, pool) => total + pick(pool), 0);
  return {
    stage: leastAdvanced(pools.map(({ stage }) => stage)),
    replicas: { desired: sum(({ scale }) => scale), ready: sum(({ ready }) => ready) },
    replicaList: observed.pods.map((pod) => replicaStatus(pod, listed)),
    complete: pools.every(({ scale, ready }) => ready >= scale),
    minimum: pools.every(({ ready }) => ready >= 1),
    tornDown: false,
  };
}

interface PoolContext {
  deployment: AppliedSpec['deployments'][number];
  listed: ReadonlyMap<string, PoolReplica['state']>;
  observed: ObservedState;
}

/** The stage of the replica that keeps the pool from being complete: the last of the `scale` most advanced ones. */
function poolStage(pods: readonly PodView[], { deployment, listed, observed }: PoolContext): PodStage {
  const stages = pods
    .filter((pod) => listed.get(pod.replicaId) !== 'draining')
    .map((pod) => (listed.get(pod.replicaId) === 'ready' ? done : pod.stage))
    .toSorted((a, b) => rank(b) - rank(a));
  return stages[poolScale(deployment) - 1] ?? creationStage(deployment.modelId, observed);
}

/** Fewer pods than asked for: what the Deployment says about it. */
function creationStage(pool: string, { children }: ObservedState): PodStage {
  const problem = children
    .filter((child) => child.kind === 'Deployment' && child.metadata.labels?.['fairway.dev/pool'] === pool)
    .flatMap(conditionsOf)
    .find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  return {
    phase: 'capacity',
    reason: problem?.reason ?? 'Creating',
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

function replicaStatus(
  pod: PodView,
  listed: ReadonlyMap<string, PoolReplica['state']>,
): StatusDocument['replicaList'][number] {
  const { replicaId, name, stage } = pod;
  const state = listed.get(replicaId);
  if (state === 'draining') return { replicaId, name, state, reason: 'Draining' };
  if (state === 'ready') return { replicaId, name, state, reason: 'Ready' };
  if (pod.deletingAt !== undefined) return { replicaId, name, state: 'draining', reason: 'Terminating' };
  if (state === 'proving') return { replicaId, name, state, reason: 'Proving' };
  return { replicaId, name, state: stage.phase === 'node' ? 'pending' : 'starting', reason: stage.reason };
}
