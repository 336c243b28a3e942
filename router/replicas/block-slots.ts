/** No slot. */
export const none = -1;
const firstSlots = 256;

/** What a block is put in with. */
export interface SlotContent {
  readonly parent: number;
  readonly bytes: number;
  /** At which end of the order. */
  readonly end: 'newest' | 'oldest';
}

/**
 * Blocks in numbered slots: found by key, linked in the order of use. About 44 bytes per block, in typed arrays; keys are
 * 32-bit halves, since arithmetic with bigints takes ten times as long.
 */
export class BlockSlots {
  #low = new Uint32Array(firstSlots);
  #high = new Uint32Array(firstSlots);
  #bytes = new Uint32Array(firstSlots);
  #parent = new Int32Array(firstSlots);
  #generation = new Uint32Array(firstSlots);
  #newer = new Int32Array(firstSlots);
  #older = new Int32Array(firstSlots);
  /** Next slot with the same bucket; of a free slot the next free one. */
  #next = new Int32Array(firstSlots);
  #buckets = new Int32Array(firstSlots).fill(none);
  #newest = none;
  #oldest = none;
  #free = none;
  #used = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get newest(): number {
    return this.#newest;
  }

  get oldest(): number {
    return this.#oldest;
  }

  get memoryBytes(): number {
    return this.#low.length * 8 * Uint32Array.BYTES_PER_ELEMENT + this.#buckets.byteLength;
  }

  find(key: bigint): number {
    return this.findWords(Number(key & 0xffff_ffffn), Number(key >> 32n));
  }

  findWords(low: number, high: number): number {
    let slot = this.#buckets[this.#bucketOf(low)] ?? none;
    while (slot !== none && (this.#low[slot] !== low || this.#high[slot] !== high)) slot = this.#next[slot] ?? none;
    return slot;
  }

  keyOf(slot: number): bigint {
    return (BigInt(this.#high[slot] ?? 0) << 32n) | BigInt(this.#low[slot] ?? 0);
  }

  bytesOf(slot: number): number {
    return this.#bytes[slot] ?? 0;
  }

  parentOf(slot: number): number {
    return this.#parent[slot] ?? none;
  }

  olderThan(slot: number): number {
    return this.#older[slot] ?? none;
  }

  /** When it was last used, as its owner counts. */
  generationOf(slot: number): number {
    return this.#generation[slot] ?? 0;
  }

  setGeneration(slot: number, generation: number): void {
    this.#generation[slot] = generation;
  }

  /** Puts a block in that is not here. */
  take(low: number, high: number, { parent, bytes, end }: SlotContent): number {
    if (this.#free === none && this.#used === this.#low.length) this.#grow();
    const slot = this.#free === none ? this.#used++ : this.#free;
    if (slot === this.#free) this.#free = this.#next[slot] ?? none;
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#bytes[slot] = bytes;
    this.#parent[slot] = parent;
    this.#chain(slot);
    this.#link(slot, end);
    this.#count++;
    return slot;
  }

  remove(slot: number): void {
    this.#unlink(slot);
    this.#unchain(slot);
    this.#count--;
    this.#next[slot] = this.#free;
    this.#free = slot;
  }

  makeNewest(slot: number): void {
    if (slot === this.#newest) return;
    this.#unlink(slot);
    this.#link(slot, 'newest');
  }

  /** The keys are hashes already: their low bits are even enough. */
  #bucketOf(low: number): number {
    return (low & (this.#buckets.length - 1)) >>> 0;
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
    this.#bytes = copyTo(new Uint32Array(slots), this.#bytes);
    this.#parent = copyTo(new Int32Array(slots), this.#parent);
    this.#generation = copyTo(new Uint32Array(slots), this.#generation);
    this.#newer = copyTo(new Int32Array(slots), this.#newer);
    this.#older = copyTo(new Int32Array(slots), this.#older);
    this.#next = copyTo(new Int32Array(slots), this.#next);
    this.#buckets = new Int32Array(slots).fill(none);
    for (let slot = 0; slot < this.#used; slot++) this.#chain(slot);
  }
}

/** The 32-bit halves of keys, low half first. */
export function wordsOf(keys: BigUint64Array): Uint32Array {
  return new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
}

function copyTo<T extends Uint32Array | Int32Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
