import { phases } from '#shared/contract/status.ts';
import type { DrainVerdict } from '../drain/decide-drain.ts';
import type { ReplicaLoad } from '../drain/replica-loads.ts';
import type { PodView } from '../observe/pod-view.ts';

/**
 * Deletion costs that mark a victim's way: chosen (`draining`), then allowed to go (`released`). A ReplicaSet that
 * shrinks takes the lowest cost among pods that are equally ready.
 */
export const deletionCosts = { keep: 0, draining: -1000, released: -2000 } as const;

/** States of replicas that stand in their pools' documents, by id. */
export type ListedStates = ReadonlyMap<string, 'proving' | 'ready' | 'draining'>;

/** Whom to take of pods that are equally good to go: whose room is needed, then who would be missed least. */
export interface VictimPreference {
  leaving: ReadonlySet<string>;
  /** By replica id; one that is not known is taken last. */
  loads: ReadonlyMap<string, ReplicaLoad>;
}

/** One Deployment and its pods. */
export interface GroupState {
  /** How many replicas the spec asks for. */
  scale: number;
  /** `spec.replicas` of the Deployment; null when there is none yet. */
  current: number | null;
  /** The controllers have acted on the present `spec.replicas`, and the pods below are all there are. */
  settled: boolean;
  /** Pods of the Deployment that are not marked for deletion. */
  pods: readonly PodView[];
  listed: ListedStates;
  /** What decides between pods that are equally good to go. */
  preference: VictimPreference;
  gates: ReadonlyMap<string, DrainVerdict>;
}

/** What to do with a group: the replica count to apply now, the victims, and marks that differ from the pods'. */
export interface ReplicaCountPlan {
  replicas: number;
  victims: readonly PodView[];
  marks: readonly { pod: PodView; cost: number; why: string }[];
}

/**
 * Scales up at once; scales down one released victim at a time. A victim is released when it was never routed to or
 * when its drain's gate says go. A growing spec takes drains back, the least advanced last to be chosen again. The count
 * sinks only by as many pods as a ReplicaSet would take of released ones alone.
 */
export function planReplicaCount(group: GroupState): ReplicaCountPlan {
  const { scale, current, pods, listed, preference } = group;
  const taken = pods.toSorted(victimOrder(listed, preference));
  const victims = taken.slice(0, Math.max(0, pods.length - scale));
  const chosen = new Set(victims.map((pod) => pod.replicaId));
  const marks = pods.flatMap((pod) => {
    const mark = chosen.has(pod.replicaId) ? markOf(pod, group) : keptMark(pod, group);
    return mark.cost === pod.deletionCost ? [] : [{ pod, ...mark }];
  });
  if (current === null || scale >= current) return { replicas: scale, victims, marks };
  const kept = victims.findIndex((pod) => pod.deletionCost !== deletionCosts.released);
  const released = kept === -1 ? victims.length : kept;
  const existing = group.settled ? pods.length : Math.max(pods.length, current);
  return { replicas: Math.max(scale, Math.min(current, existing - released)), victims, marks };
}

interface Mark {
  cost: number;
  why: string;
}

/**
 * A pod stays after all. One that was released may be taken any moment while the count is still lowered, and without its
 * mark another would be taken in its place: the mark goes once the controllers have seen a count with room for it.
 */
function keptMark({ deletionCost }: PodView, { settled, current, pods }: GroupState): Mark {
  const safe = settled && (current ?? 0) >= pods.length;
  const cost = deletionCost === deletionCosts.released && !safe ? deletionCost : deletionCosts.keep;
  return { cost, why: 'the replica stays after all' };
}

function markOf(pod: PodView, { listed, gates }: GroupState): Mark {
  const state = listed.get(pod.replicaId);
  if (state === undefined) return { cost: deletionCosts.released, why: 'the replica serves nobody' };
  const gate = state === 'draining' ? gates.get(pod.replicaId) : undefined;
  return gate?.go === true
    ? { cost: deletionCosts.released, why: gate.reason }
    : { cost: deletionCosts.draining, why: 'the replica was chosen to go' };
}

/**
 * The order in which a shrinking ReplicaSet takes pods: without a node, pending, not ready, low cost. Among equals those on
 * their way, then those that serve nothing, those whose room is needed, with the fewest requests, with the least in their
 * caches, the least advanced, the newest. Total, so that every look agrees.
 * Source: Kubernetes `controller_utils.go`, ActivePodsWithRanks.Less.
 */
export function victimOrder(
  listed: ListedStates,
  { leaving, loads }: VictimPreference,
): (a: PodView, b: PodView) => number {
  const draining = (pod: PodView): number => (listed.get(pod.replicaId) === 'draining' ? 0 : 1);
  const serving = (pod: PodView): number => service[listed.get(pod.replicaId) ?? 'none'];
  const stays = (pod: PodView): number => (leaving.has(pod.replicaId) ? 0 : 1);
  const inFlight = (pod: PodView): number => loads.get(pod.replicaId)?.inFlight ?? Number.MAX_SAFE_INTEGER;
  const cached = (pod: PodView): number => loads.get(pod.replicaId)?.blocks ?? Number.MAX_SAFE_INTEGER;
  return (a, b) =>
    standing(a) - standing(b) ||
    a.deletionCost - b.deletionCost ||
    draining(a) - draining(b) ||
    serving(a) - serving(b) ||
    stays(a) - stays(b) ||
    inFlight(a) - inFlight(b) ||
    cached(a) - cached(b) ||
    phases.indexOf(a.stage.phase) - phases.indexOf(b.stage.phase) ||
    b.createdAt.localeCompare(a.createdAt) ||
    a.name.localeCompare(b.name);
}

const service = { none: 0, draining: 0, proving: 1, ready: 2 } as const;

function standing({ ready, stage }: PodView): number {
  if (ready) return 3;
  if (stage.phase === 'node') return 0;
  return stage.phase === 'image' ? 1 : 2;
}
