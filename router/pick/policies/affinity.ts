import { longestMatch } from './longest-match.ts';
import { byWeightFor, conversationKey, firstOf, goesOn, holderOf, type Candidate, type Policy } from './policy.ts';

/**
 * Candidates whose cost is above the least by no more than that, which is half a request's, cost the same. Between such the
 * conversation's rendezvous decides, so that routers which see the same do not all choose the same for many new
 * conversations; one that nobody is known to have gives a whole request for the place that all routers agree on.
 */
const [nearTie, homeTie] = [0.05, 0.1] as const;
/** A conversation leaves a replica that has it and is not overloaded for one that saves more than so many seconds. */
const moveSeconds = 1;
/** In a nearly idle pool a replica gets no new conversation while it has got more than so many times the mean lately. */
const newcomersMax = 1.25;

/**
 * Fairway's own: where the request costs least (`candidate.ts`); a conversation stays where its longest match is while that
 * replica is not overloaded and nobody is much cheaper. While the pace of the pool is unknown: by longest match.
 */
export const affinity: Policy = (asked, candidates) => {
  if (candidates.some(({ cost }) => cost === undefined)) return longestMatch(asked, candidates);
  const byWeight = byWeightFor(conversationKey(asked) ?? 0n);
  const cheapest = (among: readonly Candidate[], tie: number): Candidate => {
    const least = among.reduce((sum, one) => Math.min(sum, totalOf(one)), Infinity);
    return firstOf(
      among.filter((one) => totalOf(one) <= least + tie),
      byWeight,
    );
  };
  const isHolder = holderOf(asked);
  if (candidates.some(isHolder)) {
    const taken = cheapest(candidates, nearTie);
    // A few requests more beside it are no reason: what is cached of a short turn costs next to nothing to compute.
    const stays = longestMatch(asked, candidates);
    const staying = candidates.find(({ id }) => id === stays.replica);
    if (stays.reason === 'affinity' && staying && totalOf(staying) <= totalOf(taken) + moveSeconds) return stays;
    return { replica: taken.id, reason: isHolder(taken) ? 'affinity' : 'affinity_overloaded' };
  }
  if (goesOn(asked) || asked.session !== undefined)
    return { replica: cheapest(candidates, homeTie).id, reason: 'session' };
  return { replica: cheapest(withoutCrowded(candidates), nearTie).id, reason: 'soonest' };
};

/**
 * Where fewer requests are under way than there are replicas, load spreads nothing, and a client that sends one at a time
 * would send all new conversations to the first replica that has their system prompt.
 */
function withoutCrowded(candidates: readonly Candidate[]): readonly Candidate[] {
  const load = candidates.reduce((sum, one) => sum + one.load, 0);
  if (load >= candidates.length) return candidates;
  const mean = candidates.reduce((sum, { newcomers }) => sum + newcomers, 0) / candidates.length;
  return candidates.filter(({ newcomers }) => newcomers <= newcomersMax * mean);
}

function totalOf({ cost }: Candidate): number {
  return cost?.total ?? Infinity;
}
