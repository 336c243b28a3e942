import type { BytesPerToken } from '../replicas/bytes-per-token.ts';
import type { PrefixIndex, PrefixNews } from '../replicas/prefix-index.ts';
import type { Usage } from '../replicas/usage.ts';
import type { Booking } from './booking.ts';

/** What an answer's usage corrects. */
export interface UsageParts {
  readonly index: PrefixIndex;
  readonly bytesPerToken: BytesPerToken;
  readonly announce: (news: PrefixNews) => void;
  /** Predicted and reported cache hits of one answer, tokens. */
  readonly hitsKnown: (predicted: number, reported: number) => void;
}

/** A prediction that falls short by less than this says nothing: engines cache whole blocks only. */
const missTokens = 1024;

/** An engine has counted an answer: that corrects what is known of its pool's tokens and of its cache. */
export function learnUsage(parts: UsageParts, booking: Booking, usage: Usage): void {
  const { bytesPerToken, index, announce, hitsKnown } = parts;
  const { pool, work, match, matchedTokens, predictedCachedTokens } = booking;
  const { replicaId } = booking.replica;
  // What was said before is counted by the engine, and its kinds are not known here.
  const isWhole = work.continues === undefined;
  if (isWhole && bytesPerToken.learn(pool.pool, work.prompt, usage.promptTokens))
    for (const one of pool.replicas) index.resize(one.replicaId, bytesPerToken.capacityOf(pool));
  const tip = work.prompt.keys.at(-1);
  const bytes = Math.round(usage.completionTokens * bytesPerToken.of(pool.pool));
  if (tip !== undefined && usage.completionTokens > 0)
    announce(index.finish(replicaId, tip, { promptTokens: usage.promptTokens, tokens: usage.completionTokens, bytes }));
  if (usage.cachedTokens === undefined) return;
  hitsKnown(predictedCachedTokens, usage.cachedTokens);
  const behindPrompt = usage.cachedTokens - matchedTokens;
  if (match.outputTokens > 0) bytesPerToken.learnComeback(pool.pool, match.outputTokens, behindPrompt);
  // The engine has evicted what the mirror still holds: the mirror's oldest tenth goes.
  const missing = predictedCachedTokens - usage.cachedTokens;
  if (missing > missTokens && usage.cachedTokens < predictedCachedTokens / 2)
    index.evict(replicaId, Math.round(0.9 * bytesPerToken.capacityOf(pool)));
}
