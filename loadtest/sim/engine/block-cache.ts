/** What one running request holds in the cache. */
export interface BlockLease {
  /** Cached blocks it uses, in prompt order: the matched prefix, then the ones that it computed itself. */
  readonly named: number[];
  /** Blocks that only this request has: not yet full, or full copies of a block that another one cached first. */
  private: number;
}

/**
 * KV blocks of one engine. A block is known by its chained hash; it is *held* while a running request uses it, and
 * *idle* after that: idle blocks answer later prompts until room is needed, then the least recently used goes first.
 * Invariant: held + idle ≤ capacity.
 */
export class BlockCache {
  readonly #capacity: number;
  readonly #holders = new Map<number, number>();
  /** In order of last use: a Set iterates in the order of insertion. */
  readonly #idle = new Set<number>();
  #private = 0;

  constructor(capacityBlocks: number) {
    this.#capacity = capacityBlocks;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Blocks that running requests hold, room reserved for their output included. */
  get held(): number {
    return this.#holders.size + this.#private;
  }

  /** Blocks that nobody uses but that are still there. */
  get idle(): number {
    return this.#idle.size;
  }

  /** How many of the leading `blocks` are cached, at most `limit`. */
  match(blocks: readonly number[], limit: number): number {
    let matched = 0;
    while (matched < limit) {
      const hash = blocks[matched];
      if (hash === undefined || !(this.#holders.has(hash) || this.#idle.has(hash))) break;
      matched += 1;
    }
    return matched;
  }

  /** Holds `matched` cached blocks and reserves `fresh` more; undefined when they do not fit now. */
  reserve(matched: readonly number[], fresh: number): BlockLease | undefined {
    let awakened = 0;
    for (const hash of matched) if (this.#idle.has(hash)) awakened += 1;
    if (this.held + awakened + fresh > this.#capacity) return undefined;
    for (const hash of matched) {
      this.#idle.delete(hash);
      this.#holders.set(hash, (this.#holders.get(hash) ?? 0) + 1);
    }
    this.#private += fresh;
    this.#evict();
    return { named: [...matched], private: fresh };
  }

  /** A reserved block is full: from now on other prompts can use it. A block that is there already stays a copy. */
  publish(lease: BlockLease, hash: number): void {
    if (this.#holders.has(hash) || this.#idle.has(hash)) return;
    this.#holders.set(hash, 1);
    lease.named.push(hash);
    lease.private -= 1;
    this.#private -= 1;
  }

  /** Gives everything back; tails become idle first, so that of one prompt the beginning survives longest. */
  release(lease: BlockLease): void {
    this.#private -= lease.private;
    lease.private = 0;
    for (let hash = lease.named.pop(); hash !== undefined; hash = lease.named.pop()) {
      const others = (this.#holders.get(hash) ?? 1) - 1;
      if (others > 0) {
        this.#holders.set(hash, others);
        continue;
      }
      this.#holders.delete(hash);
      this.#idle.add(hash);
    }
  }

  #evict(): void {
    for (const hash of this.#idle) {
      if (this.held + this.#idle.size <= this.#capacity) return;
      this.#idle.delete(hash);
    }
  }
}
