import type { PoolDocument } from '#shared/contract/replica.ts';
import type { BytesPerToken } from '../replicas/bytes-per-token.ts';
import type { Prefill } from '../replicas/pace/prefill-pace.ts';
import type { PrefixMatch } from '../replicas/prefix-index.ts';
import type { UsedTogether } from '../replicas/prefix-mirror.ts';
import type { ReplicaLoad } from '../replicas/replica-view.ts';
import type { OpenAttempt } from './open-attempts.ts';
import type { Work } from './picker.ts';

/** What a replica's cache should save of a request. */
export interface ExpectedCache {
  /** Of the prompt, and of the one that it goes on from. */
  readonly matchedTokens: number;
  /** With what was generated behind it. */
  readonly predictedCachedTokens: number;
  /** What the engine should have to compute, and behind what. */
  readonly prefill: Prefill;
  /** Context that no other request shares. */
  readonly privateContextTokens: number;
}

/** One attempt under way. */
export interface Booking extends OpenAttempt, ExpectedCache {
  readonly pool: PoolDocument;
  readonly match: PrefixMatch;
  /** What the replica held of the prompt when it took it, by when that was last used. */
  uses: readonly UsedTogether[];
  /** What of it is in the table; its prefill is given back as soon as it is over. */
  load: ReplicaLoad;
  /** It tries a replica in doubt. */
  readonly isProbe: boolean;
  left: boolean;
}

/** What a match with a request's prompt is worth, by what is known of the pool's tokens. Each prefix is counted once. */
export function cacheExpecter(
  bytesPerToken: BytesPerToken,
  { pool, prompt, continues }: Pick<Work, 'pool' | 'prompt' | 'continues'>,
): (match: PrefixMatch) => ExpectedCache {
  const earlierTokens = (continues?.bytes ?? 0) / bytesPerToken.of(pool);
  const ownTokens = bytesPerToken.tokensUpTo(pool, prompt, prompt.keys.length - 1);
  const known = new Map<number, number>();
  const tokensUpTo = (block: number): number => {
    const tokens = known.get(block) ?? bytesPerToken.tokensUpTo(pool, prompt, block);
    known.set(block, tokens);
    return tokens;
  };
  return ({ block, promptTokens, outputTokens, holdsEarlier }) => {
    const upTo = tokensUpTo(block);
    // What the engine has counted is better than what so many bytes should be.
    const matchedTokens = promptTokens || (holdsEarlier ? earlierTokens : 0) + upTo;
    const comeback = bytesPerToken.comebackOf(pool, outputTokens);
    const predictedCachedTokens = Math.round(matchedTokens + comeback);
    const uncachedTokens = Math.max(1, ownTokens - upTo - comeback + (holdsEarlier ? 0 : earlierTokens));
    return {
      matchedTokens,
      predictedCachedTokens,
      prefill: { cachedTokens: predictedCachedTokens, uncachedTokens },
      privateContextTokens: Math.round(ownTokens - upTo),
    };
  };
}
