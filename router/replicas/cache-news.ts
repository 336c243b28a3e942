/** What an engine's own events say of its prefix cache as a whole; undefined is unknown. */
export interface CacheNews {
  /** How long ago it was last emptied, milliseconds, as far as that was heard. */
  readonly clearedAgeMs?: number;
  /** Tokens that were stored since then and not removed; unknown when an event may have been missed. */
  readonly heldTokens?: number;
  /** Tokens that were removed per second lately. */
  readonly evictedPerSecond?: number;
}

/** An engine's clock may be set, and its start is reckoned by it: nearer starts are one, seconds. */
const startSlack = 1;
/** The age of one clearing varies with the way that it was told, milliseconds. */
const clearedSlackMs = 500;

/**
 * Tells when a replica's cache is empty although the replica itself stays: its process is another one, or has emptied it.
 * What was so when the replica was first heard of is no news.
 */
export class CacheResets {
  readonly #known = new Map<string, { processStart: number | undefined; clearedAt: number }>();

  /** A process says when it started, in seconds by its own clock. True if another one did before. */
  started(replica: string, processStart: number, now: number): boolean {
    const known = this.#of(replica, now);
    const before = known.processStart;
    known.processStart = processStart;
    return before !== undefined && Math.abs(processStart - before) > startSlack;
  }

  /** It was emptied at an instant, monotonic milliseconds; -Infinity: never. True if that was not known. */
  cleared(replica: string, clearedAt: number, now: number): boolean {
    const known = this.#of(replica, now);
    if (clearedAt <= known.clearedAt + clearedSlackMs) return false;
    known.clearedAt = clearedAt;
    return true;
  }

  forget(replica: string): void {
    this.#known.delete(replica);
  }

  #of(replica: string, now: number): { processStart: number | undefined; clearedAt: number } {
    let known = this.#known.get(replica);
    if (known === undefined) {
      known = { processStart: undefined, clearedAt: now - clearedSlackMs };
      this.#known.set(replica, known);
    }
    return known;
  }
}
