import type { CacheNews } from '../../replicas/cache-news.ts';
import type { CacheEvent } from './event-batch.ts';

/** Time over which removals are averaged, milliseconds. */
const averageMs = 10_000;
/**
 * A clearing is told for so long: its age is that at which it was sent, and on a slow way an old one would look like one
 * more. Milliseconds.
 */
const clearingMs = 10_000;
/** Blocks that are remembered, about 3 MB; of more every second, fourth … one stands for the others, right to about 1 %. */
const blocksMax = 2 ** 16;

/**
 * What one engine's prefix cache holds, by its events: the balance is known only if all events since the cache was empty
 * have been seen. Of several groups of layers, which all store the same tokens, the first one is counted. Times are
 * monotonic milliseconds.
 */
export class CacheAccount {
  readonly #blocks = new Set<number>();
  /** One of so many blocks is remembered: those whose key it divides. */
  #oneOf = 1;
  #isWhole = false;
  #group: number | undefined;
  #blockTokens = 0;
  #clearedAt = -Infinity;
  /** Removed tokens, of which those of `averageMs` ago count 1/e. */
  #evicted = { tokens: 0, at: 0 };

  take(events: readonly CacheEvent[], now: number): void {
    for (const event of events) {
      if (event.kind === 'cleared') this.clear(now);
      else if (event.kind === 'stored') this.#stored(event);
      else if (event.group === (this.#group ?? event.group)) this.#removed(event.blocks, now);
    }
  }

  /** The engine has emptied its cache, or is another process. */
  clear(now: number): void {
    this.#clearedAt = now;
    this.begin();
  }

  /** From here on all events since the cache was empty are seen. */
  begin(): void {
    this.#forget();
    this.#isWhole = true;
  }

  /** Some event was not seen. */
  missed(): void {
    this.#forget();
    this.#isWhole = false;
  }

  news(now: number): CacheNews {
    const clearedAgeMs = now - this.#clearedAt;
    return {
      ...(clearedAgeMs <= clearingMs && { clearedAgeMs }),
      ...(this.#isWhole && { heldTokens: this.#blocks.size * this.#oneOf * this.#blockTokens }),
      evictedPerSecond: (this.#evictedBy(now) / averageMs) * 1000,
    };
  }

  #stored({ blocks, blockTokens, group }: CacheEvent & { kind: 'stored' }): void {
    this.#group ??= group;
    if (group !== this.#group) return;
    this.#blockTokens = blockTokens;
    if (!this.#isWhole) return;
    for (const block of blocks) if (block % this.#oneOf === 0) this.#blocks.add(block);
    while (this.#blocks.size > blocksMax) this.#thinOut();
  }

  #thinOut(): void {
    this.#oneOf *= 2;
    for (const block of this.#blocks) if (block % this.#oneOf !== 0) this.#blocks.delete(block);
  }

  #forget(): void {
    this.#blocks.clear();
    this.#oneOf = 1;
  }

  #removed(blocks: readonly number[], now: number): void {
    for (const block of blocks) this.#blocks.delete(block);
    this.#evicted = { tokens: this.#evictedBy(now) + blocks.length * this.#blockTokens, at: now };
  }

  #evictedBy(now: number): number {
    const { tokens, at } = this.#evicted;
    return tokens * Math.exp((at - now) / averageMs);
  }
}
