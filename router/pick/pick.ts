import type { Routing } from '#shared/contract/desired.ts';
import { affinity } from './policies/affinity.ts';
import { aibrix } from './policies/aibrix.ts';
import { leastInFlight } from './policies/least-in-flight.ts';
import type { Asked, Candidate, Cost, PickReason, Policy } from './policies/policy.ts';
import { roundRobin } from './policies/round-robin.ts';
import { sessionHash } from './policies/session-hash.ts';

/** What was seen of one candidate; its cost is undefined while the pace of the pool is unknown. */
export interface PickScore {
  readonly replica: string;
  readonly matchedBlock: number;
  readonly cachedTokens: number;
  readonly inFlight: number;
  readonly slowness: number;
  readonly cost: Cost | undefined;
}

/** Which replica, and why. */
export interface PickResult {
  readonly replica: string;
  readonly reason: PickReason;
  readonly scores: readonly PickScore[];
}

const policies: Record<NonNullable<Routing['policy']>, Policy> = {
  affinity,
  least_in_flight: leastInFlight,
  round_robin: roundRobin,
  session_hash: sessionHash,
  aibrix,
};

/**
 * Chooses the replica for a request, by the policy of its pool. Pure: the same input gives the same answer on every router.
 *
 * Whatever the policy: who goes on from an answer goes to the replica that keeps it, since no other one knows what was
 * said. Load is what routers have in flight and what the engine reports beyond that. Replicas in doubt are left out while
 * one with less is there. Undefined when none can take it.
 */
export function pick(asked: Asked, view: readonly Candidate[]): PickResult | undefined {
  const ready = view.filter(({ condition, doubt }) => condition === 'ready' && doubt < Infinity);
  if (ready.length === 0) return undefined;
  const leastDoubt = Math.min(...ready.map(({ doubt }) => doubt));
  const candidates = ready.filter(({ doubt }) => doubt === leastDoubt);
  const scores = candidates.map(({ id, matchedBlock, cachedTokens, inFlight, slowness, cost }) => ({
    replica: id,
    matchedBlock,
    cachedTokens,
    inFlight,
    slowness,
    cost,
  }));
  const keeper = candidates.find(({ id }) => id === asked.continues?.replica);
  if (keeper !== undefined) return { replica: keeper.id, reason: 'affinity', scores };
  return { ...policies[asked.policy ?? 'affinity'](asked, candidates), scores };
}
