import type { PoolDocument } from '#shared/contract/replica.ts';
import type { BytesPerToken } from '../replicas/bytes-per-token.ts';
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
  /** Prompt that the engine should have to compute. */
  readonly uncachedBytes: number;
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

/** What a match is worth, by what is known of the pool's tokens. */
export function expectedCache(
  bytesPerToken: BytesPerToken,
  { pool, prompt, continues }: Pick<Work, 'pool' | 'prompt' | 'continues'>,
  match: PrefixMatch,
): ExpectedCache {
  const byRates = (block: number): number => bytesPerToken.tokensUpTo(pool, prompt, block);
  const earlierBytes = continues?.bytes ?? 0;
  const ownBytes = (prompt.bytesUpTo.at(-1) ?? 0) - (prompt.bytesUpTo[match.block] ?? 0);
  const earlierTokens = match.holdsEarlier ? earlierBytes / bytesPerToken.of(pool) : 0;
  // What the engine has counted is better than what so many bytes should be.
  const matchedTokens = match.promptTokens || earlierTokens + byRates(match.block);
  return {
    matchedTokens,
    predictedCachedTokens: Math.round(matchedTokens + bytesPerToken.comebackOf(pool, match.outputTokens)),
    uncachedBytes: ownBytes + (match.holdsEarlier ? 0 : earlierBytes),
    privateContextTokens: Math.round(byRates(prompt.keys.length - 1) - byRates(match.block)),
  };
}
