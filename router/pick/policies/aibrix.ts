import { leastInFlight } from './least-in-flight.ts';
import { byWeightFor, conversationKey, firstOf, type Asked, type Candidate, type Policy } from './policy.ts';

/** Requests between the most and the least loaded replica beyond which caches count no more. */
const imbalanceMax = 16;
/** Standard deviations above the mean at which a replica still takes what it has cached. */
const deviationsMax = 2;

/**
 * The rule `prefix-cache` of AIBrix's gateway at its defaults (vllm-project/aibrix,
 * `pkg/plugins/gateway/algorithms/prefix_cache.go`): while the most and the least loaded replica differ by more than 16
 * requests, the least loaded one; else by matched percent of the prompt, what everybody shares included, then by requests,
 * the first with no more than mean and two standard deviations; else the least loaded one.
 */
export const aibrix: Policy = (asked, candidates) => {
  const loads = candidates.map(({ load }) => load);
  if (Math.max(...loads) - Math.min(...loads) > imbalanceMax) return leastInFlight(asked, candidates);
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
  const variance = loads.reduce((sum, load) => sum + (load - mean) ** 2, 0) / loads.length;
  const limit = mean + deviationsMax * Math.sqrt(variance);
  const holders = candidates.filter(({ matchedBlock, load }) => matchedBlock >= 0 && load <= limit);
  if (holders.length === 0) return leastInFlight(asked, candidates);
  const byWeight = byWeightFor(conversationKey(asked) ?? 0n);
  const { id } = firstOf(
    holders,
    (a, b) => matchedPercent(asked, b) - matchedPercent(asked, a) || a.load - b.load || byWeight(a, b),
  );
  return { replica: id, reason: 'affinity' };
};

function matchedPercent({ prompt: { bytesUpTo } }: Asked, { matchedBlock }: Candidate): number {
  const bytes = bytesUpTo.at(-1) ?? 0;
  return bytes === 0 ? 0 : Math.floor((100 * (bytesUpTo[matchedBlock] ?? 0)) / bytes);
}
