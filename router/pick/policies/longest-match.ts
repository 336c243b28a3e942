import { byLoad, byWeightFor, conversationKey, firstOf, type Candidate, type Policy } from './policy.ts';

/** A replica with more requests than `factor` times the mean and `slack` is overloaded. */
const loadLimit = { factor: 1.25, slack: 2 } as const;

/**
 * Fairway's own. A match counts as affinity only if it reaches past the first user message: tools and system prompt are
 * everybody's. With affinity: by match, then in-flight, the first that is not overloaded. Without: least in-flight, ties by
 * longer match, then by rendezvous rank. A conversation that has a name, or that goes on though nobody is known to have it,
 * goes by rendezvous with bounded load (Mirrokni, Thorup, Zadimoghaddam 2016), keyed by its name or by the chain through
 * its first user message. One whose KV cache is full counts as overloaded while another one's is not.
 */
export const longestMatch: Policy = (asked, candidates) => {
  const { prompt, session, continues } = asked;
  const { firstUserEnd, keys } = prompt;
  const key = conversationKey(asked);
  const byWeight = byWeightFor(key ?? 0n);
  const byMatch = (a: Candidate, b: Candidate): number =>
    b.matchedBlock - a.matchedBlock || a.load - b.load || byWeight(a, b);
  const least = (): string => firstOf(candidates, (a, b) => byLoad(a, b) || byMatch(a, b)).id;
  const holders = candidates.filter(({ matchedBlock }) => firstUserEnd >= 0 && matchedBlock >= firstUserEnd);
  const roomy = candidates.filter(withRoom(candidates));
  if (holders.length > 0) {
    const able = holders.filter((one) => roomy.includes(one));
    if (able.length === 0) return { replica: least(), reason: 'affinity_overloaded' };
    return { replica: firstOf(able, byMatch).id, reason: 'affinity' };
  }
  const goesOn = continues !== undefined || (firstUserEnd >= 0 && keys.length > firstUserEnd + 1);
  if (key === undefined || !(goesOn || session !== undefined)) return { replica: least(), reason: 'least_in_flight' };
  return { replica: roomy.length > 0 ? firstOf(roomy, byWeight).id : least(), reason: 'session' };
};

/** Whether a candidate is not overloaded, beside the others. */
function withRoom(candidates: readonly Candidate[]): (candidate: Candidate) => boolean {
  const mean = candidates.reduce((sum, { load }) => sum + load, 0) / candidates.length;
  const limit = loadLimit.factor * mean + loadLimit.slack;
  const allFull = candidates.every(({ isFull }) => isFull);
  return ({ load, isFull }) => load <= limit && (allFull || !isFull);
}
