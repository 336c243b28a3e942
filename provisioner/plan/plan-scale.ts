import type { DrainVerdict } from '../drain/decide-drain.ts';
import type { PodView } from '../observe/pod-view.ts';

/**
 * Deletion costs that mark a victim's way: chosen (`draining`), then allowed to go (`released`). A ReplicaSet that
 * shrinks takes the lowest cost among pods that are equally ready.
 */
export const deletionCosts = { keep: 0, draining: -1000, released: -2000 } as const;

/** One Deployment and its pods. */
export interface GroupState {
  /** How many replicas the target asks for. */
  wanted: number;
  /** `spec.replicas` of the Deployment; null when there is none yet. */
  current: number | null;
  /** The controllers have acted on the present `spec.replicas`, and the pods below are all there are. */
  settled: boolean;
  /** Pods of the Deployment that are not marked for deletion. */
  pods: readonly PodView[];
  /** Replica ids that stand in the pool's document, with their state. */
  listed: ReadonlyMap<string, 'proving' | 'ready' | 'draining'>;
  gates: ReadonlyMap<string, DrainVerdict>;
}

/** What to do with a group: the replica count to apply now, the victims, and marks that differ from the pods'. */
export interface ScalePlan {
  replicas: number;
  victims: readonly PodView[];
  marks: readonly { pod: PodView; cost: number }[];
}

/**
 * Scales up at once; scales down one released victim at a time. A victim is released when it was never routed to or
 * when its drain's gate says go. A growing target takes drains back, the least advanced last to be chosen again.
 */
export function planScale(group: GroupState): ScalePlan {
  const { wanted, current, pods, listed } = group;
  const surplus = Math.max(0, pods.length - wanted);
  const victims = pods.toSorted((a, b) => compareVictims(a, b, listed)).slice(0, surplus);
  const chosen = new Set(victims.map((pod) => pod.replicaId));
  const marks = pods.flatMap((pod) => {
    const cost = chosen.has(pod.replicaId) ? costOf(pod, group) : keptCost(pod, group);
    return cost === pod.deletionCost ? [] : [{ pod, cost }];
  });
  if (current === null || wanted >= current) return { replicas: wanted, victims, marks };
  const released = victims.filter((pod) => pod.deletionCost === deletionCosts.released).length;
  const existing = group.settled ? pods.length : Math.max(pods.length, current);
  return { replicas: Math.max(wanted, Math.min(current, existing - released)), victims, marks };
}

/**
 * A pod stays after all. One that was released may be taken any moment while the count is still lowered, and without its
 * mark another would be taken in its place: the mark goes once the controllers have seen a count with room for it.
 */
function keptCost({ deletionCost }: PodView, { settled, current, pods }: GroupState): number {
  const safe = settled && (current ?? 0) >= pods.length;
  return deletionCost === deletionCosts.released && !safe ? deletionCost : deletionCosts.keep;
}

function costOf(pod: PodView, { listed, gates }: GroupState): number {
  const state = listed.get(pod.replicaId);
  const free = state === undefined || (state === 'draining' && gates.get(pod.replicaId)?.go === true);
  return free ? deletionCosts.released : deletionCosts.draining;
}

/** Those on their way first, then those that serve nothing, then the newest. Total, so that every look agrees. */
function compareVictims(a: PodView, b: PodView, listed: GroupState['listed']): number {
  const draining = (pod: PodView): number => (listed.get(pod.replicaId) === 'draining' ? 0 : 1);
  const serving = (pod: PodView): number => (listed.get(pod.replicaId) === undefined ? 0 : 1);
  return (
    a.deletionCost - b.deletionCost ||
    draining(a) - draining(b) ||
    Number(a.ready) - Number(b.ready) ||
    serving(a) - serving(b) ||
    b.createdAt.localeCompare(a.createdAt) ||
    a.name.localeCompare(b.name)
  );
}
