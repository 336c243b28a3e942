import { hashBytes } from './hash64.ts';

const smallRun = 32;
const firstBlocks = 64;

const nothing = new Uint8Array();

/** What a picture, a sound or a file takes of a cache, in bytes of text: about 1,000 tokens. A shorter one is text. */
export const mediumBytes = 4096;

/**
 * Cuts a stream of bytes into blocks and hashes each with the hash of the one before as its seed, so that equal hashes
 * mean equal prefixes. What was appended since the last cut can still be discarded. The bytes of a medium (a picture, a
 * sound, a file) are hashed and neither cut nor counted.
 */
export class BlockChain {
  /** Bytes of the stream up to the end of each block, those of media left out. */
  readonly ends: number[] = [];
  /** Media up to the end of each block. */
  readonly media: number[] = [];
  /** Whether each block ends where a message ends. */
  readonly messageEnds: boolean[] = [];
  readonly #block: Uint8Array;
  readonly #maxBlocks: number;
  #fill = 0;
  /** Of the blocks, with room for more. */
  #hashes = new BigUint64Array(firstBlocks);
  #hash = 0n;
  #bytes = 0;
  #media = 0;
  #inMedium = false;
  /** Bytes of the medium under way. */
  #skimmed = 0;
  /** Bytes of the block under way were hashed with a medium. */
  #isPartial = false;

  constructor(blockBytes: number, maxBlocks: number) {
    this.#block = new Uint8Array(blockBytes);
    this.#maxBlocks = maxBlocks;
  }

  /** Blocks so far. */
  get blocks(): number {
    return this.ends.length;
  }

  /** Chained 64-bit hash per block. */
  get hashes(): BigUint64Array {
    return this.#hashes.subarray(0, this.blocks);
  }

  /** A full chain ignores what follows: the rest of the prompt does not count for routing. */
  get isFull(): boolean {
    return this.blocks >= this.#maxBlocks;
  }

  appendByte(byte: number): void {
    this.#bytes += 1;
    this.#block[this.#fill++] = byte;
    if (this.#fill === this.#block.length) this.#push(this.#block);
  }

  append(chunk: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      const room = this.#block.length - this.#fill;
      const size = Math.min(room, to - at);
      if (this.#inMedium) this.#skimmed += size;
      else this.#bytes += size;
      if (size === this.#block.length) this.#push(chunk.subarray(at, at + size));
      else this.#copy(chunk, at, size);
      at += size;
    }
  }

  /** What is appended until `endMedium` is a medium. */
  beginMedium(): void {
    this.#inMedium = true;
    this.#skimmed = 0;
  }

  endMedium(): void {
    if (!this.#inMedium) return;
    this.#inMedium = false;
    if (this.#skimmed < mediumBytes) this.#bytes += this.#skimmed;
    else this.#media += 1;
  }

  /** Ends the block under way, if it has any byte; otherwise the last one is what ends here. */
  cutMessage(): void {
    if (this.#fill > 0) this.#push(this.#block.subarray(0, this.#fill));
    if (this.messageEnds.length > 0) this.messageEnds[this.messageEnds.length - 1] = true;
  }

  /** The bytes of the block under way; none if it holds more than these. */
  pending(): Uint8Array {
    return this.#isPartial ? nothing : this.#block.subarray(0, this.#fill);
  }

  discardPending(): void {
    this.#fill = 0;
    this.#bytes = this.ends.at(-1) ?? 0;
  }

  #copy(chunk: Uint8Array, from: number, size: number): void {
    if (size <= smallRun) {
      for (let i = 0; i < size; i++) this.#block[this.#fill + i] = chunk[from + i] ?? 0;
    } else {
      this.#block.set(chunk.subarray(from, from + size), this.#fill);
    }
    this.#fill += size;
    if (this.#fill === this.#block.length) this.#push(this.#block);
  }

  #push(block: Uint8Array): void {
    this.#fill = 0;
    if (this.isFull) return;
    this.#hash = hashBytes(block, this.#hash);
    this.#isPartial = this.#inMedium;
    if (this.#inMedium) return;
    if (this.blocks === this.#hashes.length) this.#grow();
    this.#hashes[this.blocks] = this.#hash;
    this.ends.push(this.#bytes);
    this.media.push(this.#media);
    this.messageEnds.push(false);
  }

  #grow(): void {
    const hashes = new BigUint64Array(2 * this.#hashes.length);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }
}
