import { colon, comma, quote } from './json-walker.ts';
import type { JsonSink } from './json-walker.ts';

/** Keeps the text of one short value (without white space between tokens), to be parsed when it is whole. */
export class ValueCapture implements JsonSink {
  readonly #bytes: Buffer;
  #length = 0;

  constructor(maxBytes: number) {
    this.#bytes = Buffer.alloc(maxBytes);
  }

  open(byte: number): void {
    this.#put(byte);
  }

  close(byte: number): void {
    this.#put(byte);
  }

  comma(): void {
    this.#put(comma);
  }

  keyStart(): void {
    this.#put(quote);
  }

  keyEnd(): void {
    this.#put(quote);
    this.#put(colon);
  }

  stringStart(): void {
    this.#put(quote);
  }

  stringEnd(): void {
    this.#put(quote);
  }

  primitiveStart(): void {
    // Its text follows.
  }

  primitiveEnd(): void {
    // Whatever ends it is a token of its own.
  }

  text(chunk: Uint8Array, from: number, to: number): void {
    const size = Math.min(to - from, Math.max(0, this.#bytes.length - this.#length));
    this.#bytes.set(chunk.subarray(from, from + size), Math.min(this.#length, this.#bytes.length));
    this.#length += to - from;
  }

  /** The value's JSON text; undefined if it was longer than the limit. */
  json(): string | undefined {
    return this.#length > this.#bytes.length ? undefined : this.#bytes.toString('utf8', 0, this.#length);
  }

  #put(byte: number): void {
    if (this.#length < this.#bytes.length) this.#bytes[this.#length] = byte;
    this.#length++;
  }
}
