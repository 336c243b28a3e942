import { isDeepStrictEqual } from 'node:util';
import type { StatusDocument } from '#shared/contract/status.ts';
import type { DrainVerdict } from '../drain/decide-drain.ts';
import type { ObservedState } from '../observe/observed-state.ts';

/** What the status says of drains. */
type Draining = StatusDocument['draining'];

/** Figures that have only changed are written anew after this time, milliseconds: routers report several times a second. */
const renewEveryMs = 5000;

/**
 * What the draining replicas that are still there are waited for. The former answer stays while it is fresh, unless other
 * replicas drain, or what was unknown is known by now. Pure.
 */
export function drainingOf(observed: ObservedState): Draining {
  const { status, now } = observed;
  const drains = drainsOf(observed);
  if (drains.length === 0) return undefined;
  const figures = { replicas: drains.length, ...sumOf(drains.map(({ gate }) => gate)), deadline: lastOf(drains) };
  const renewed = { ...figures, at: new Date(now).toISOString() };
  const before = status.document?.draining;
  if (before?.replicas !== figures.replicas || before.deadline !== figures.deadline) return renewed;
  if (isDeepStrictEqual(before, { ...figures, at: before.at })) return before;
  const learned = before.inflight === null && figures.inflight !== null;
  return learned || now - Date.parse(before.at) >= renewEveryMs ? renewed : before;
}

interface Drain {
  gate: DrainVerdict;
  deadline: string;
}

function drainsOf({ pools, pods, gates }: ObservedState): Drain[] {
  const there = new Set(pods.filter(({ finished }) => !finished).map(({ replicaId }) => replicaId));
  return [...pools.values()]
    .flatMap(({ document }) => document?.replicas ?? [])
    .flatMap(({ replicaId, drainDeadline: deadline }) => {
      const gate = gates.get(replicaId);
      return gate === undefined || deadline === undefined || !there.has(replicaId) ? [] : [{ gate, deadline }];
    });
}

function sumOf(gates: readonly DrainVerdict[]): Pick<NonNullable<Draining>, 'inflight' | 'oldest' | 'message'> {
  const unknown = gates.find(({ inFlight }) => inFlight === undefined);
  if (unknown !== undefined)
    return { inflight: null, oldest: null, message: `What is in flight is not known: ${unknown.reason}.` };
  const busy = gates.flatMap(({ inFlight }) => (inFlight === undefined || inFlight.count === 0 ? [] : [inFlight]));
  const inflight = busy.reduce((sum, { count }) => sum + count, 0);
  const oldestAt = Math.min(...busy.map(({ oldestAt: at = Number.NaN }) => at));
  // To the second: what routers say of one request differs by milliseconds from report to report.
  const oldest = Number.isFinite(oldestAt) ? new Date(Math.floor(oldestAt / 1000) * 1000).toISOString() : null;
  const message = inflight === 0 ? 'Nothing is in flight; the replicas go.' : `${inflight} requests are in flight.`;
  return { inflight, oldest, message };
}

function lastOf(drains: readonly Drain[]): string {
  return drains.reduce((last, { deadline }) => (deadline > last ? deadline : last), '');
}
