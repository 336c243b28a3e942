import type { BytesPerToken } from '../replicas/bytes-per-token.ts';
import { seenIn, type CacheSeen } from '../replicas/cache-share.ts';
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

/**
 * More cached tokens than were predicted say something of the cache only if they are more than this, and more than so large
 * a share of what should have been computed: tokens are estimated from bytes, and those of tools and system prompts, which
 * most prompts begin with, are off by a fifth for a whole pool at once.
 */
const [missTokens, missShare] = [1024, 0.5] as const;

/** An engine has counted an answer: that corrects what is known of its pool's tokens and of its cache. */
export function learnUsage(parts: UsageParts, booking: Booking, usage: Usage): void {
  const { bytesPerToken, index, announce, hitsKnown } = parts;
  const { pool, work, match, matchedTokens, predictedCachedTokens } = booking;
  const { replicaId } = booking.replica;
  // What was said before is counted by the engine, and its kinds are not known here.
  const isWhole = work.continues === undefined;
  if (isWhole && bytesPerToken.learn(pool.pool, work.prompt, usage.promptTokens))
    for (const one of pool.replicas) index.resize(one.replicaId, bytesPerToken.capacityOf(pool, one.replicaId));
  const tip = work.prompt.keys.at(-1);
  const bytes = Math.round(usage.completionTokens * bytesPerToken.of(pool.pool));
  if (tip !== undefined && usage.completionTokens > 0) {
    const generated = { promptTokens: usage.promptTokens, tokens: usage.completionTokens, bytes };
    const news = index.finish(replicaId, tip, generated);
    if (news !== undefined) announce(news);
  }
  if (usage.cachedTokens === undefined) return;
  hitsKnown(predictedCachedTokens, usage.cachedTokens);
  const behindPrompt = usage.cachedTokens - matchedTokens;
  if (match.outputTokens > 0) bytesPerToken.learnComeback(pool.pool, match.outputTokens, behindPrompt);
  if (isWhole) index.correct(replicaId, seenBy(parts, booking, { ...usage, cachedTokens: usage.cachedTokens }));
}

/** What an answer's count of cached tokens shows of the cache. */
function seenBy(
  { bytesPerToken }: UsageParts,
  { pool, work, uses, match, predictedCachedTokens }: Booking,
  { promptTokens, cachedTokens }: Usage & { cachedTokens: number },
): CacheSeen {
  const { prompt } = work;
  const tokensUpTo = (block: number): number => bytesPerToken.tokensUpTo(pool.pool, prompt, block);
  // Of this prompt it is known how many tokens they really were.
  const scale = promptTokens / tokensUpTo(prompt.keys.length - 1);
  const slack = Math.max(missTokens, missShare * (promptTokens - predictedCachedTokens));
  const isMore = cachedTokens > predictedCachedTokens + match.outputTokens + slack;
  return { ...seenIn(uses, cachedTokens, (blocks) => scale * tokensUpTo(blocks - 1)), isMore };
}
