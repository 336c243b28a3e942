import {
  byLoad,
  byWeightFor,
  conversationKey,
  firstOf,
  goesOn,
  holderOf,
  type Candidate,
  type Policy,
} from './policy.ts';

/** A replica with more requests than `factor` times the mean and `slack` is overloaded. */
const loadLimit = { factor: 1.25, slack: 2 } as const;

/**
 * Fairway's own. Where replicas have the conversation: by match, then in-flight, the first that is not overloaded. Else:
 * least in-flight, ties by longer match, then by rendezvous rank. A conversation that has a name, or that goes on though
 * nobody is known to have it, goes by rendezvous with bounded load (Mirrokni, Thorup, Zadimoghaddam 2016), keyed by its name
 * or by the chain through its first user message. One whose KV cache is full counts as overloaded while another one's is not.
 */
export const longestMatch: Policy = (asked, candidates) => {
  const key = conversationKey(asked);
  const byWeight = byWeightFor(key ?? 0n);
  const byMatch = (a: Candidate, b: Candidate): number =>
    b.matchedBlock - a.matchedBlock || a.load - b.load || byWeight(a, b);
  const least = (): string => firstOf(candidates, (a, b) => byLoad(a, b) || byMatch(a, b)).id;
  const holders = candidates.filter(holderOf(asked));
  const hasRoom = withRoom(candidates);
  if (holders.length > 0) {
    const able = holders.filter(hasRoom);
    if (able.length === 0) return { replica: least(), reason: 'affinity_overloaded' };
    return { replica: firstOf(able, byMatch).id, reason: 'affinity' };
  }
  const hasPlace = goesOn(asked) || asked.session !== undefined;
  if (key === undefined || !hasPlace) return { replica: least(), reason: 'least_in_flight' };
  const roomy = candidates.filter(hasRoom);
  return { replica: roomy.length > 0 ? firstOf(roomy, byWeight).id : least(), reason: 'session' };
};

/** Whether a candidate is not overloaded, beside the others. */
function withRoom(candidates: readonly Candidate[]): (candidate: Candidate) => boolean {
  const mean = candidates.reduce((sum, { load }) => sum + load, 0) / candidates.length;
  const limit = loadLimit.factor * mean + loadLimit.slack;
  const allFull = candidates.every(({ isFull }) => isFull);
  return ({ load, isFull }) => load <= limit && (allFull || !isFull);
}
