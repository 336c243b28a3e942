const none = -1;
const firstSlots = 256;

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

/**
 * What one replica's KV cache probably holds: block keys in least-recently-used order. A touched block is followed to
 * the front by the blocks before it, so that a parent is always newer than its children, tails are evicted first, and
 * "this block is here" implies that all blocks before it are. About 40 bytes per block, in typed arrays.
 */
export class PrefixMirror {
  #limits: MirrorLimits;
  #low = new Uint32Array(firstSlots);
  #high = new Uint32Array(firstSlots);
  #weight = new Uint32Array(firstSlots);
  #parent = new Int32Array(firstSlots);
  #newer = new Int32Array(firstSlots);
  #older = new Int32Array(firstSlots);
  /** Next slot with the same bucket; of a free slot the next free one. */
  #next = new Int32Array(firstSlots);
  /** Of blocks at which a prompt ended. */
  readonly #outputs = new Map<number, Generated>();
  #buckets = new Int32Array(firstSlots).fill(none);
  #newest = none;
  #oldest = none;
  #free = none;
  #used = 0;
  #count = 0;
  #total = 0;

  constructor(limits: MirrorLimits) {
    this.#limits = limits;
  }

  get blocks(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#total;
  }

  /** Bytes of memory of the arrays. */
  get memoryBytes(): number {
    return this.#low.length * 7 * Uint32Array.BYTES_PER_ELEMENT + this.#buckets.byteLength;
  }

  has(key: bigint): boolean {
    return this.#find(key) !== none;
  }

  /** What is remembered behind a block at which a prompt ended. */
  generatedAfter(key: bigint): Generated | undefined {
    return this.#outputs.get(this.#find(key));
  }

  /**
   * Index of the last of `keys` that is here; -1 if none is. Binary search: a hit implies hits before it. `words` are
   * the 32-bit halves of the keys, low half first.
   */
  longestPrefix(words: Uint32Array): number {
    let hit = -1;
    let miss = words.length / 2;
    while (miss - hit > 1) {
      const middle = (hit + miss) >>> 1;
      if (this.#findWords(words[middle * 2] ?? 0, words[middle * 2 + 1] ?? 0) === none) miss = middle;
      else hit = middle;
    }
    return hit;
  }

  /** Appends blocks after `parent` (0: a prompt's start) and touches them all; false if the parent is not here. */
  extend(parent: bigint, keys: BigUint64Array, bytes: ArrayLike<number>): boolean {
    let slot = parent === 0n ? none : this.#find(parent);
    if (slot === none && parent !== 0n) return false;
    const added = Math.min(keys.length, this.#limits.maxBlocks - this.#touch(slot));
    // Its output is in the next turn's own blocks.
    if (added > 0) this.#clearOutput(slot);
    const words = wordsOf(keys);
    for (let i = 0; i < added; i++) {
      const before = slot;
      const [low, high] = [words[2 * i] ?? 0, words[2 * i + 1] ?? 0];
      const known = this.#findWords(low, high);
      if (known !== none) this.#unlink(known);
      else if (this.#count >= this.#limits.maxBlocks) this.#remove(this.#oldest);
      slot = known === none ? this.#take(low, high, { parent: before, bytes: bytes[i] ?? 0 }) : known;
      this.#link(slot, 'newest');
    }
    this.#touch(slot);
    this.evict(this.#limits.capacityBytes);
    return true;
  }

  /** Remembers what a finished request generated after its last block; false if that is not here. */
  remember(tip: bigint, generated: Generated): boolean {
    const slot = this.#find(tip);
    if (slot === none) return false;
    this.#clearOutput(slot);
    this.#outputs.set(slot, generated);
    this.#total += generated.bytes;
    this.#touch(slot);
    this.evict(this.#limits.capacityBytes);
    return true;
  }

  /** Forgets the least recently used blocks until at most `bytes` are left. */
  evict(bytes: number): void {
    while (this.#total > bytes && this.#oldest !== none) this.#remove(this.#oldest);
  }

  /** Changes the capacity, for example when hits stay behind what was predicted. */
  resize(capacityBytes: number): void {
    this.#limits = { ...this.#limits, capacityBytes };
    this.evict(capacityBytes);
  }

  /** Blocks in the order of use, the most recent first: every parent before its children. */
  newestFirst(offset: number, count: number): MirrorBlock[] {
    let slot = this.#newest;
    for (let skipped = 0; skipped < offset && slot !== none; skipped++) slot = this.#older[slot] ?? none;
    const blocks: MirrorBlock[] = [];
    for (; blocks.length < count && slot !== none; slot = this.#older[slot] ?? none) {
      const parent = this.#parent[slot] ?? none;
      const bytes = this.#weight[slot] ?? 0;
      blocks.push({ key: this.#keyOf(slot), parent: parent === none ? 0n : this.#keyOf(parent), bytes });
    }
    return blocks;
  }

  /** Adds a block of somebody's mirror as the least recently used one, if it is new, its parent is here, and it fits. */
  adopt(block: MirrorBlock): void {
    const parent = block.parent === 0n ? none : this.#find(block.parent);
    if ((block.parent !== 0n && parent === none) || this.has(block.key)) return;
    if (this.#count >= this.#limits.maxBlocks || this.#total + block.bytes > this.#limits.capacityBytes) return;
    const slot = this.#take(...halvesOf(block.key), { parent, bytes: block.bytes });
    this.#link(slot, 'oldest');
  }

  #find(key: bigint): number {
    return this.#findWords(...halvesOf(key));
  }

  #findWords(low: number, high: number): number {
    let slot = this.#buckets[this.#bucketOf(low)] ?? none;
    while (slot !== none && (this.#low[slot] !== low || this.#high[slot] !== high)) slot = this.#next[slot] ?? none;
    return slot;
  }

  /** The keys are hashes already: their low bits are even enough. */
  #bucketOf(low: number): number {
    return (low & (this.#buckets.length - 1)) >>> 0;
  }

  #keyOf(slot: number): bigint {
    return (BigInt(this.#high[slot] ?? 0) << 32n) | BigInt(this.#low[slot] ?? 0);
  }

  #clearOutput(slot: number): void {
    const generated = this.#outputs.get(slot);
    if (generated === undefined) return;
    this.#total -= generated.bytes;
    this.#outputs.delete(slot);
  }

  /** Moves a block and all blocks before it to the front, the first block foremost; returns how many they are. */
  #touch(tip: number): number {
    let depth = 0;
    for (let slot = tip; slot !== none; slot = this.#parent[slot] ?? none, depth++) {
      this.#unlink(slot);
      this.#link(slot, 'newest');
    }
    return depth;
  }

  #take(low: number, high: number, { parent, bytes }: { parent: number; bytes: number }): number {
    if (this.#free === none && this.#used === this.#low.length) this.#grow();
    const slot = this.#free === none ? this.#used++ : this.#free;
    if (slot === this.#free) this.#free = this.#next[slot] ?? none;
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#weight[slot] = bytes;
    this.#parent[slot] = parent;
    this.#chain(slot);
    this.#count++;
    this.#total += bytes;
    return slot;
  }

  #remove(slot: number): void {
    this.#unlink(slot);
    this.#unchain(slot);
    this.#clearOutput(slot);
    this.#total -= this.#weight[slot] ?? 0;
    this.#count--;
    this.#next[slot] = this.#free;
    this.#free = slot;
  }

  #chain(slot: number): void {
    const bucket = this.#bucketOf(this.#low[slot] ?? 0);
    this.#next[slot] = this.#buckets[bucket] ?? none;
    this.#buckets[bucket] = slot;
  }

  #unchain(slot: number): void {
    const bucket = this.#bucketOf(this.#low[slot] ?? 0);
    const after = this.#next[slot] ?? none;
    let at = this.#buckets[bucket] ?? none;
    if (at === slot) {
      this.#buckets[bucket] = after;
      return;
    }
    while (this.#next[at] !== slot) at = this.#next[at] ?? none;
    this.#next[at] = after;
  }

  #link(slot: number, end: 'newest' | 'oldest'): void {
    const [before, after] = end === 'newest' ? [none, this.#newest] : [this.#oldest, none];
    this.#newer[slot] = before;
    this.#older[slot] = after;
    if (before === none) this.#newest = slot;
    else this.#older[before] = slot;
    if (after === none) this.#oldest = slot;
    else this.#newer[after] = slot;
  }

  #unlink(slot: number): void {
    const before = this.#newer[slot] ?? none;
    const after = this.#older[slot] ?? none;
    if (before === none) this.#newest = after;
    else this.#older[before] = after;
    if (after === none) this.#oldest = before;
    else this.#newer[after] = before;
  }

  #grow(): void {
    const slots = this.#low.length * 2;
    this.#low = copyTo(new Uint32Array(slots), this.#low);
    this.#high = copyTo(new Uint32Array(slots), this.#high);
    this.#weight = copyTo(new Uint32Array(slots), this.#weight);
    this.#parent = copyTo(new Int32Array(slots), this.#parent);
    this.#newer = copyTo(new Int32Array(slots), this.#newer);
    this.#older = copyTo(new Int32Array(slots), this.#older);
    this.#next = copyTo(new Int32Array(slots), this.#next);
    this.#buckets = new Int32Array(slots).fill(none);
    for (let slot = 0; slot < this.#used; slot++) this.#chain(slot);
  }
}

/** The 32-bit halves of keys, low half first. Arithmetic with bigints takes ten times as long. */
export function wordsOf(keys: BigUint64Array): Uint32Array {
  return new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
}

function halvesOf(key: bigint): [low: number, high: number] {
  return [Number(key & 0xffff_ffffn), Number(key >> 32n)];
}

function copyTo<T extends Uint32Array | Int32Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
