import type { UsedTogether } from './prefix-mirror.ts';

/** What one answer shows of an engine's cache, in prompt bytes that were used since. */
export interface CacheSeen {
  /** Blocks after which so much was used had gone: the smallest such figure. */
  readonly lost?: number;
  /** Blocks after which so much was used were there: the greatest. */
  readonly kept?: number;
  /** More was there than the mirror knew. */
  readonly isMore?: boolean;
}

/** One surprise lowers the size at most to this share of it: it may have had another cause. */
const lossMin = 0.7;
/** What is there although the mirror has forgotten it, and, up to what was told, what is there near its end raise the size. */
const [moreFactor, keptFactor, nearEnd] = [1.1, 1.02, 0.75] as const;
/** Tokens of a prefix are known no better than this; engines cache whole blocks, and templates add some of their own. */
const [slackTokensMin, slackShare] = [512, 0.02] as const;
/** Bounds of the share: what was told may be wrong, but not by more. */
const [shareMin, shareMax] = [1 / 16, 2] as const;

/**
 * Which share of the capacity that was told a cache seems to have: lowered to what was used since what was lost, raised
 * when more is found than was expected. Corrects wrong figures, bytes per token, and what others put into the cache.
 */
export class CacheShare {
  #value = 1;

  get value(): number {
    return this.#value;
  }

  learn({ lost, kept, isMore = false }: CacheSeen, toldBytes: number): void {
    const size = this.#value * toldBytes;
    if (lost !== undefined && lost < size) this.#value = Math.max(lost, lossMin * size) / toldBytes;
    else if (isMore) this.#value *= moreFactor;
    else if (kept !== undefined && kept > nearEnd * size && this.#value < 1) this.#value *= keptFactor;
    this.#value = Math.min(shareMax, Math.max(shareMin, this.#value));
  }
}

/**
 * What a count of cached tokens shows of blocks that the mirror held. `tokensUpTo`: of the prompt's first blocks. A group
 * that is there in part shows nothing: it may have parted from what was computed before, by a template that renders what
 * was said anew.
 */
export function seenIn(
  uses: readonly UsedTogether[],
  cachedTokens: number,
  tokensUpTo: (blocks: number) => number,
): CacheSeen {
  let [before, lost, kept] = [0, Infinity, -1];
  for (const { upTo, newerBytes } of uses) {
    const after = tokensUpTo(upTo);
    const slack = Math.max(slackTokensMin, slackShare * after);
    if (after - before > 2 * slack) {
      if (cachedTokens < before + slack) lost = Math.min(lost, newerBytes);
      else if (cachedTokens > after - slack) kept = Math.max(kept, newerBytes);
    }
    before = after;
  }
  return { ...(lost < Infinity && { lost }), ...(kept >= 0 && { kept }) };
}
