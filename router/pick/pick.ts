import type { Routing } from '#shared/contract/desired.ts';
import { PickScores } from './pick-scores.ts';
import { affinity } from './policies/affinity.ts';
import { aibrix } from './policies/aibrix.ts';
import { leastInFlight } from './policies/least-in-flight.ts';
import type { Asked, Candidate, Chosen, Policy } from './policies/policy.ts';
import { roundRobin } from './policies/round-robin.ts';
import { sessionHash } from './policies/session-hash.ts';

/** Which replica, and why. */
export interface PickResult extends Chosen {
  /** Among which others. */
  readonly scores: PickScores;
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
  let leastDoubt = Infinity;
  for (const { condition, doubt } of view) if (condition === 'ready') leastDoubt = Math.min(leastDoubt, doubt);
  if (leastDoubt === Infinity) return undefined;
  const isLeast = ({ condition, doubt }: Candidate): boolean => condition === 'ready' && doubt === leastDoubt;
  const candidates = view.every(isLeast) ? view : view.filter(isLeast);
  const keeper = asked.continues && candidates.find(({ id }) => id === asked.continues?.replica);
  const chosen: Chosen =
    keeper === undefined
      ? policies[asked.policy ?? 'affinity'](asked, candidates)
      : { replica: keeper.id, reason: 'affinity' };
  return { ...chosen, scores: new PickScores(candidates) };
}
