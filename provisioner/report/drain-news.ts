import type { StatusDocument } from '#shared/contract/status.ts';
import type { DrainVerdict } from '../drain/decide-drain.ts';

/** One piece of news about drains: what a line of the timeline says of it. */
interface DrainNews {
  type: `drain.${'began' | 'overdue' | 'ended' | 'cut'}`;
  reason: string;
  message: string;
  hint: string;
}

type Replica = StatusDocument['replicaList'][number];

const raise =
  'Longer streams need a longer FAIRWAY_DRAIN_TIMEOUT_MS, and a longer grace where somebody else deletes pods.';

/**
 * What happened to drains between two statuses: some began, were still busy at their deadline, or their replicas are gone,
 * with what routers last had in flight there. Replicas to which the same happened share a line. Pure.
 */
export function drainNews(
  before: Pick<StatusDocument, 'replicaList'>,
  after: Pick<StatusDocument, 'replicaList'>,
  gates: ReadonlyMap<string, DrainVerdict>,
): DrainNews[] {
  const former = new Map(before.replicaList.map((replica) => [replica.replicaId, replica]));
  const present = new Set(after.replicaList.map(({ replicaId }) => replicaId));
  const began = after.replicaList.filter(
    (replica) => isDraining(replica) && !isDraining(former.get(replica.replicaId)),
  );
  const overdue = after.replicaList.filter(
    ({ replicaId, reason }) => reason === 'DrainOverdue' && former.get(replicaId)?.reason !== reason,
  );
  const gone = before.replicaList.filter((replica) => isDraining(replica) && !present.has(replica.replicaId));
  const busy = gone.filter(({ replicaId }) => (gates.get(replicaId)?.inFlight?.count ?? 0) > 0);
  const quiet = gone.filter((replica) => !busy.includes(replica));
  return [
    ...about(began, (names) => ({
      type: 'drain.began',
      reason: 'Draining',
      message: `${names}: nothing new goes there, what is in flight may end.`,
      hint: '',
    })),
    ...about(overdue, (names) => ({
      type: 'drain.overdue',
      reason: 'DrainOverdue',
      message: `${names}: the deadline is over with ${countOn(overdue, gates)}; the grace of the pod is all that is left.`,
      hint: raise,
    })),
    ...about(busy, (names) => ({
      type: 'drain.cut',
      reason: 'DrainCut',
      message: `${names} went with ${countOn(busy, gates)}.`,
      hint: raise,
    })),
    ...about(quiet, (names) => ({ type: 'drain.ended', reason: 'Drained', message: `${names}: gone.`, hint: '' })),
  ];
}

function isDraining(replica: Replica | undefined): boolean {
  return replica?.reason === 'Draining' || replica?.reason === 'DrainOverdue';
}

function about(replicas: readonly Replica[], news: (names: string) => DrainNews): DrainNews[] {
  if (replicas.length === 0) return [];
  const names = replicas.slice(0, 8).map(({ name }) => name);
  const more = replicas.length - names.length;
  return [news(more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', '))];
}

function countOn(replicas: readonly Replica[], gates: ReadonlyMap<string, DrainVerdict>): string {
  const counts = replicas.map(({ replicaId }) => gates.get(replicaId)?.inFlight?.count);
  const known = counts.reduce<number>((sum, count = 0) => sum + count, 0);
  if (!counts.includes(undefined)) return `${known} requests in flight`;
  return known === 0 ? 'an unknown number of requests in flight' : `${known} requests in flight or more`;
}
