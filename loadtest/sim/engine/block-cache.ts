import type { CacheEvent } from './cache-event.ts';
import { BlockRun, IdleRuns } from './idle-runs.ts';

/** What one running request holds in the cache. */
export interface BlockLease {
  /** The run in which its leading cached blocks end; it holds that one and every run before. */
  tip: BlockRun | undefined;
  /** Leading blocks that are cached under their hashes: the matched prefix, then the ones that it computed itself. */
  named: number;
  /** Blocks of its table, named or not. */
  length: number;
  /** Blocks that only this request has: not yet full, or full copies of a block that another one cached first. */
  private: number;
}

/**
 * KV blocks of one engine. A block is known by its chained hash; it is *held* while a running request uses it, and
 * *idle* after that: idle blocks answer later prompts until room is needed, then the least recently used goes first,
 * of one prompt the last.
 *
 * Whoever uses a block uses every block before it, so a block never outlives its beginning, and blocks that are always
 * used together can be kept as one run: the work per request depends on how often prompts branch, not on their length.
 * A list of hashes that was handed in must not change, but it may grow.
 * Invariant: held + idle ≤ capacity.
 */
export class BlockCache {
  readonly capacity: number;
  readonly #runs = new Map<number, BlockRun>();
  readonly #idle = new IdleRuns();
  #held = 0;
  #events: CacheEvent[] | undefined;

  /** With `events` it keeps what happens until `takeEvents` is called. */
  constructor(capacityBlocks: number, { events = false } = {}) {
    this.capacity = capacityBlocks;
    this.#events = events ? [] : undefined;
  }

  /** What happened since the last time that this was asked, in order. */
  takeEvents(): CacheEvent[] {
    const events = this.#events ?? [];
    if (events.length > 0) this.#events = [];
    return events;
  }

  /** Forgets everything; does nothing, and says so, while something is held. */
  clear(): boolean {
    if (this.#held > 0) return false;
    for (let run = this.#idle.oldest; run !== undefined; run = this.#idle.oldest) this.#idle.remove(run);
    this.#runs.clear();
    this.#events?.push({ type: 'cleared' });
    return true;
  }

  /** Blocks that running requests hold. */
  get held(): number {
    return this.#held;
  }

  /** Blocks that nobody uses but that are still there. */
  get idle(): number {
    return this.#idle.blocks;
  }

  /** Whether the block is cached that follows all blocks of some lease. */
  has(block: number): boolean {
    return this.#runs.has(block);
  }

  /** How many of the leading `blocks` are cached, at most `limit`. */
  match(blocks: readonly number[], limit: number): number {
    let matched = 0;
    for (let run = this.#runAt(blocks, 0); run !== undefined && matched < limit; run = this.#runAt(blocks, matched)) {
      matched = run.divergence(blocks, limit);
      if (matched < run.to) break;
    }
    return matched;
  }

  /** Blocks that can be taken beside the `matched` leading ones, which may be idle so far. */
  roomBeside(blocks: readonly number[], matched: number): number {
    let awakened = 0;
    for (let at = 0; at < matched;) {
      const run = this.#runAt(blocks, at);
      const end = Math.min(run?.to ?? matched, matched);
      if (run?.holders === 0) awakened += end - at;
      at = end;
    }
    return this.capacity - this.#held - awakened;
  }

  /** Holds the `matched` leading blocks. */
  hold(blocks: readonly number[], matched: number): BlockLease {
    const lease: BlockLease = { tip: undefined, named: 0, length: matched, private: 0 };
    this.#follow(lease, blocks, matched);
    return lease;
  }

  /** Takes empty blocks until the lease has `length`; false, and nothing is taken, when there are not enough. */
  grow(lease: BlockLease, length: number): boolean {
    const fresh = length - lease.length;
    if (fresh <= 0) return true;
    if (this.#held + fresh > this.capacity) return false;
    lease.length = length;
    lease.private += fresh;
    this.#held += fresh;
    this.#evict();
    return true;
  }

  /**
   * The first `until` of `blocks` are full: from now on other prompts can use them. Blocks that another request cached
   * first stay copies, and the other's are held, too.
   */
  publish(lease: BlockLease, blocks: readonly number[], until: number): void {
    if (until <= lease.named) return;
    this.#events?.push({ type: 'stored', blocks, from: lease.named, to: until });
    this.#follow(lease, blocks, until);
    const fresh = until - lease.named;
    if (fresh === 0) return;
    const { tip } = lease;
    if (tip?.holders === 1 && tip.children === 0) {
      tip.blocks = blocks;
      tip.to = until;
    } else {
      const run = new BlockRun({ blocks, from: lease.named, to: until, parent: tip });
      run.holders = 1;
      if (tip !== undefined) tip.children += 1;
      this.#runs.set(run.key, run);
      lease.tip = run;
    }
    lease.named = until;
    lease.private -= fresh;
  }

  /** Gives everything back; tails become idle first, so that of one prompt the beginning survives longest. */
  release(lease: BlockLease): void {
    this.#held -= lease.private;
    for (let run = lease.tip; run !== undefined; run = run.parent) {
      run.holders -= 1;
      if (run.holders > 0) continue;
      this.#held -= run.length;
      this.#idle.add(run);
    }
    lease.tip = undefined;
    lease.named = 0;
    lease.length = 0;
    lease.private = 0;
  }

  #runAt(blocks: readonly number[], at: number): BlockRun | undefined {
    const key = blocks[at];
    return key === undefined ? undefined : this.#runs.get(key);
  }

  /** Holds cached blocks from where the lease ends to the first that is not cached, `until` at most. */
  #follow(lease: BlockLease, blocks: readonly number[], until: number): void {
    while (lease.named < until) {
      const found = this.#runAt(blocks, lease.named);
      if (found === undefined) return;
      const end = found.divergence(blocks, until);
      const run = end < found.to ? this.#split(found, end) : found;
      if (run.holders === 0) {
        this.#idle.remove(run);
        this.#held += run.length;
      }
      run.holders += 1;
      lease.tip = run;
      lease.named = end;
    }
  }

  /** Cuts a run in two and returns the upper part; the lower one keeps its identity, and with it its holders. */
  #split(run: BlockRun, at: number): BlockRun {
    const upper = new BlockRun({ blocks: run.blocks, from: run.from, to: at, parent: run.parent });
    upper.holders = run.holders;
    upper.children = 1;
    run.from = at;
    run.parent = upper;
    this.#runs.set(upper.key, upper);
    this.#runs.set(run.key, run);
    if (run.holders === 0) this.#idle.addUpperPart(upper, run);
    return upper;
  }

  /** The oldest idle run has no runs behind it: they became idle before it. */
  #evict(): void {
    for (let run = this.#idle.oldest; run !== undefined; run = this.#idle.oldest) {
      const surplus = this.#held + this.idle - this.capacity;
      if (surplus <= 0) return;
      const { key, blocks, to } = run;
      this.#idle.trim(run, Math.min(surplus, run.length));
      this.#events?.push({ type: 'removed', blocks, from: run.to, to });
      if (run.length > 0) return;
      this.#runs.delete(key);
      if (run.parent !== undefined) run.parent.children -= 1;
    }
  }
}
