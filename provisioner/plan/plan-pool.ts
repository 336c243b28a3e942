import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { ProofOutcome } from '../proof/prover.ts';
import { deletionCosts } from './plan-scale.ts';
import type { PodView } from '../observe/pod-view.ts';
import { proofKeys } from '../proof/proof-record.ts';

/** What decides the replicas of one pool document. */
export interface PoolState {
  /** All pods of the pool, those marked for deletion too. */
  pods: readonly PodView[];
  previous: PoolDocument | null;
  /** Replica ids chosen to go. */
  victims: ReadonlySet<string>;
  proofs: ReadonlyMap<string, ProofOutcome>;
  now: number;
  drainTimeoutMs: number;
}

/**
 * The replicas that routers should know. A ready pod starts as `proving` and becomes `ready` once it has answered
 * through a router; one that is going is `draining` until it is gone, whatever else is known of it.
 */
export function planReplicas(state: PoolState): PoolReplica[] {
  const previous = new Map((state.previous?.replicas ?? []).map((replica) => [replica.replicaId, replica]));
  return state.pods
    .flatMap((pod) => {
      const replica = planReplica(pod, previous.get(pod.replicaId), state);
      return replica === undefined ? [] : [replica];
    })
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

function planReplica(pod: PodView, before: PoolReplica | undefined, state: PoolState): PoolReplica | undefined {
  const { replicaId, name, address, port, revision } = pod;
  if (address === undefined) return undefined;
  const place = { replicaId, name, address, port, revision };
  // A released pod may be taken at any moment, also when it is no longer meant to go: it is listed once unmarked.
  const released = pod.deletionCost === deletionCosts.released;
  const going = pod.deletingAt !== undefined || state.victims.has(replicaId) || released;
  if (going && before !== undefined)
    return { ...place, state: 'draining', drainDeadline: deadlineOf(pod, before, state) };
  if (going || !pod.ready) return undefined;
  const proven = before?.state === 'ready' || state.proofs.get(proofKeys.replica(pod))?.ok === true;
  return { ...place, state: proven ? 'ready' : 'proving' };
}

/** A drain keeps its first deadline; a pod that somebody else deletes has until it is killed. */
function deadlineOf(pod: PodView, before: PoolReplica, { now, drainTimeoutMs }: PoolState): string {
  if (before.drainDeadline !== undefined) return before.drainDeadline;
  const killedAt = pod.deletingAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(pod.deletingAt);
  return new Date(Math.min(killedAt, now + drainTimeoutMs)).toISOString();
}
