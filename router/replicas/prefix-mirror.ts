import { BlockSlots, none, wordsOf } from './block-slots.ts';
import { UseAges } from './use-ages.ts';

/** One remembered block, as it travels between routers. `parent` is 0 for the first block of a prompt. */
export interface MirrorBlock {
  readonly key: bigint;
  readonly parent: bigint;
  /** Prompt bytes of the block: its weight. */
  readonly bytes: number;
}

/** What a finished request generated after its prompt. */
export interface Generated {
  /** Of the prompt, as the engine counted them. */
  readonly promptTokens: number;
  readonly tokens: number;
  readonly bytes: number;
}

/** Bounds of one mirror. */
export interface MirrorLimits {
  /** The replica's KV capacity in prompt bytes. */
  readonly capacityBytes: number;
  readonly maxBlocks: number;
}

/** Blocks of a prompt that were last used together. */
export interface UsedTogether {
  /** How many blocks of the prompt there are up to the last of these. */
  readonly upTo: number;
  /** What the cache has used since: an engine that has forgotten these holds no more than that. */
  readonly newerBytes: number;
}

/**
 * What one replica's KV cache probably holds: block keys in least-recently-used order. A touched block is followed to
 * the front by the blocks before it, so that a parent is always newer than its children, tails are evicted first, and
 * "this block is here" implies that all blocks before it are.
 */
export class PrefixMirror {
  #limits: MirrorLimits;
  readonly #slots = new BlockSlots();
  readonly #now: () => number;
  readonly #ages: UseAges;
  /** Of blocks at which a prompt ended. */
  readonly #outputs = new Map<number, Generated>();
  #total = 0;

  /** `now`: monotonic milliseconds. */
  constructor(limits: MirrorLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#ages = new UseAges(now());
  }

  get blocks(): number {
    return this.#slots.count;
  }

  get bytes(): number {
    return this.#total;
  }

  /** Share of the capacity that was used lately (`use-ages.ts`): it should stay, since it will be used again soon. */
  warmShare(now: number): number {
    return this.#ages.warmBytes(now) / this.#limits.capacityBytes;
  }

  /** Bytes of memory of the arrays. */
  get memoryBytes(): number {
    return this.#slots.memoryBytes;
  }

  has(key: bigint): boolean {
    return this.#slots.find(key) !== none;
  }

  /** What is remembered behind a block at which a prompt ended. */
  generatedAfter(key: bigint): Generated | undefined {
    return this.#outputs.get(this.#slots.find(key));
  }

  /** The same of one of the keys whose halves these are. */
  generatedAt(words: Uint32Array, block: number): Generated | undefined {
    return this.#outputs.get(this.#find(words, block));
  }

  /**
   * Index of the last of `keys` that is here; -1 if none is. Binary search: a hit implies hits before it; `guess` is looked
   * at first, and then what follows it. `words` are the 32-bit halves of the keys, low half first.
   */
  longestPrefix(words: Uint32Array, guess: number): number {
    let hit = -1;
    let miss = words.length / 2;
    if (guess >= 0 && guess < miss) {
      if (this.#find(words, guess) === none) miss = guess;
      else hit = guess;
    }
    if (hit === guess && hit + 1 < miss) {
      if (this.#find(words, hit + 1) === none) return hit;
      hit += 1;
    }
    while (miss - hit > 1) {
      const middle = (hit + miss) >>> 1;
      if (this.#find(words, middle) === none) miss = middle;
      else hit = middle;
    }
    return hit;
  }

  /** The blocks up to this one, from the beginning on, by when they were last used; none if it is not here. */
  usesUpTo(key: bigint): UsedTogether[] {
    const runs: { newerBytes: number; blocks: number }[] = [];
    let generation: number | undefined;
    for (let slot = this.#slots.find(key); slot !== none; slot = this.#slots.parentOf(slot)) {
      const used = this.#slots.generationOf(slot);
      if (used !== generation) runs.push({ newerBytes: this.#ages.bytesAfter(used), blocks: 0 });
      generation = used;
      const run = runs.at(-1);
      if (run !== undefined) run.blocks += 1;
    }
    let upTo = 0;
    return runs.toReversed().map(({ newerBytes, blocks }) => ({ newerBytes, upTo: (upTo += blocks) }));
  }

  /** Appends blocks after `parent` (0: a prompt's start) and touches them all; false if the parent is not here. */
  extend(parent: bigint, keys: BigUint64Array, bytes: ArrayLike<number>): boolean {
    const slots = this.#slots;
    let slot = parent === 0n ? none : slots.find(parent);
    if (slot === none && parent !== 0n) return false;
    this.#ages.advance(this.#now(), this.#limits.capacityBytes);
    const { maxBlocks } = this.#limits;
    // What the new blocks follow must not give way to them: it goes to the front first, and they get what is left.
    const room = slots.count + keys.length > maxBlocks ? maxBlocks - this.#touch(slot) : keys.length;
    const added = Math.min(keys.length, room);
    // Its output is in the next turn's own blocks.
    if (added > 0) this.#clearOutput(slot);
    const words = wordsOf(keys);
    for (let i = 0; i < added; i++) {
      const [low, high] = [words[2 * i] ?? 0, words[2 * i + 1] ?? 0];
      const known = slots.findWords(low, high);
      if (known === none && slots.count >= maxBlocks) this.#remove(slots.oldest);
      if (known !== none) slots.makeNewest(known);
      slot = known === none ? this.#take(low, high, { parent: slot, bytes: bytes[i] ?? 0 }) : known;
    }
    this.#touch(slot);
    this.evict(this.#limits.capacityBytes);
    return true;
  }

  /** Remembers what a finished request generated after its last block; false if that is not here. */
  remember(tip: bigint, generated: Generated): boolean {
    const slot = this.#slots.find(tip);
    if (slot === none) return false;
    this.#ages.advance(this.#now(), this.#limits.capacityBytes);
    this.#clearOutput(slot);
    this.#outputs.set(slot, generated);
    this.#grow(slot, generated.bytes);
    this.#touch(slot);
    this.evict(this.#limits.capacityBytes);
    return true;
  }

  /** Forgets the least recently used blocks until at most `bytes` are left. */
  evict(bytes: number): void {
    while (this.#total > bytes && this.#slots.oldest !== none) this.#remove(this.#slots.oldest);
  }

  /** Changes the capacity, for example when hits stay behind what was predicted. */
  resize(capacityBytes: number): void {
    this.#limits = { ...this.#limits, capacityBytes };
    this.evict(capacityBytes);
  }

  /** Blocks in the order of use, the most recent first: every parent before its children. */
  newestFirst(offset: number, count: number): MirrorBlock[] {
    const slots = this.#slots;
    let slot = slots.newest;
    for (let skipped = 0; skipped < offset && slot !== none; skipped++) slot = slots.olderThan(slot);
    const blocks: MirrorBlock[] = [];
    for (; blocks.length < count && slot !== none; slot = slots.olderThan(slot)) {
      const parent = slots.parentOf(slot);
      blocks.push({
        key: slots.keyOf(slot),
        parent: parent === none ? 0n : slots.keyOf(parent),
        bytes: slots.bytesOf(slot),
      });
    }
    return blocks;
  }

  /**
   * Adds blocks of somebody's mirror, in its order, as the least recently used ones, as far as they are new, their parents
   * are here, and they fit. `newest`: nothing there was used later, and so it is here: what is oldest gives way to them.
   * Returns how many were added.
   */
  adopt(blocks: readonly MirrorBlock[], newest: boolean): number {
    let added = 0;
    for (const block of blocks) if (this.#adopt(block, newest)) added++;
    if (!newest) return added;
    for (const { key } of blocks.toReversed()) {
      const slot = this.#slots.find(key);
      if (slot !== none) this.#use(slot);
    }
    while (this.#slots.count > this.#limits.maxBlocks) this.#remove(this.#slots.oldest);
    this.evict(this.#limits.capacityBytes);
    return added;
  }

  #find(words: Uint32Array, block: number): number {
    return this.#slots.findWords(words[block * 2] ?? 0, words[block * 2 + 1] ?? 0);
  }

  #adopt(block: MirrorBlock, newest: boolean): boolean {
    const slots = this.#slots;
    const parent = block.parent === 0n ? none : slots.find(block.parent);
    if ((block.parent !== 0n && parent === none) || this.has(block.key)) return false;
    const fits = slots.count < this.#limits.maxBlocks && this.#total + block.bytes <= this.#limits.capacityBytes;
    if (!fits && !newest) return false;
    const generation = slots.oldest === none ? this.#ages.current : slots.generationOf(slots.oldest);
    const [low = 0, high = 0] = wordsOf(BigUint64Array.of(block.key));
    const slot = slots.take(low, high, { parent, bytes: block.bytes, end: 'oldest' });
    slots.setGeneration(slot, generation);
    this.#weigh(slot, block.bytes);
    return true;
  }

  #clearOutput(slot: number): void {
    const generated = this.#outputs.get(slot);
    if (generated === undefined) return;
    this.#weigh(slot, -generated.bytes);
    this.#outputs.delete(slot);
  }

  /** Moves a block and all blocks before it to the front, the first block foremost; returns how many they are. */
  #touch(tip: number): number {
    let depth = 0;
    for (let slot = tip; slot !== none; slot = this.#slots.parentOf(slot), depth++) this.#use(slot);
    return depth;
  }

  #use(slot: number): void {
    const slots = this.#slots;
    const { current } = this.#ages;
    slots.makeNewest(slot);
    const used = slots.generationOf(slot);
    if (used === current) return;
    const bytes = slots.bytesOf(slot) + (this.#outputs.get(slot)?.bytes ?? 0);
    this.#ages.add(used, -bytes);
    this.#ages.add(current, bytes);
    slots.setGeneration(slot, current);
  }

  #take(low: number, high: number, content: { parent: number; bytes: number }): number {
    const slot = this.#slots.take(low, high, { ...content, end: 'newest' });
    this.#slots.setGeneration(slot, this.#ages.current);
    this.#grow(slot, content.bytes);
    return slot;
  }

  #grow(slot: number, bytes: number): void {
    this.#weigh(slot, bytes);
    this.#ages.grew(bytes);
  }

  #weigh(slot: number, bytes: number): void {
    this.#total += bytes;
    this.#ages.add(this.#slots.generationOf(slot), bytes);
  }

  #remove(slot: number): void {
    this.#clearOutput(slot);
    this.#weigh(slot, -this.#slots.bytesOf(slot));
    this.#slots.remove(slot);
  }
}
