import { JsonText } from './json-text.ts';
import { ScanError } from './scanned-body.ts';

/**
 * What a walk over JSON text reports, in order. White space and colons are not reported. Offsets are bytes from the
 * start of the text; `end` is one past the last byte.
 */
export interface JsonSink {
  /** `{` or `[`. */
  open(byte: number, at: number): void;
  /** `}` or `]`. */
  close(byte: number, end: number): void;
  comma(): void;
  keyStart(): void;
  keyEnd(): void;
  stringStart(at: number): void;
  stringEnd(end: number): void;
  /** A number, `true`, `false` or `null`. */
  primitiveStart(at: number): void;
  primitiveEnd(end: number): void;
  /** Some raw bytes, without quotes, of the key, string or primitive under way; any number of times for each. */
  text(chunk: Uint8Array, from: number, to: number): void;
}

export const quote = 0x22;
export const comma = 0x2c;
export const colon = 0x3a;
export const openList = 0x5b;
export const closeList = 0x5d;
export const openObject = 0x7b;
export const closeObject = 0x7d;
const space = 0x20;

const expectTop = 0;
const expectFirstKey = 1;
const expectKey = 2;
const expectColon = 3;
const expectFirstValue = 4;
const expectValue = 5;
const expectComma = 6;
const expectNothing = 7;

const noToken = 0;
const keyToken = 1;
const stringToken = 2;
const primitiveToken = 3;

const isBlank = (byte: number): boolean => byte === space || byte === 0x0a || byte === 0x0d || byte === 0x09;
const startsPrimitive = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x74 || byte === 0x66 || byte === 0x6e;
const endsPrimitive = (byte: number): boolean =>
  byte <= space || byte === comma || byte === closeList || byte === closeObject;

/**
 * Walks one JSON object that arrives in pieces, cut anywhere, and tells a sink about its tokens. Linear, keeps nothing
 * of the text, and remembers one byte per level of nesting.
 */
export class JsonWalker {
  readonly #sink: JsonSink;
  readonly #stack: Uint8Array;
  #depth = 0;
  #expected = expectTop;
  #token = noToken;
  /** The next byte of the text under way is. */
  #escaped = false;
  #base = 0;

  constructor(sink: JsonSink, maxDepth: number) {
    this.#sink = sink;
    this.#stack = new Uint8Array(maxDepth);
  }

  /** Bytes that are no part of the text. */
  skip(bytes: number): void {
    this.#base += bytes;
  }

  /** Takes the next bytes. Throws ScanError; nothing may be written after that. */
  write(bytes: Uint8Array): void {
    const text = new JsonText(bytes);
    const { chunk } = text;
    let at = 0;
    while (at < chunk.length) {
      if (this.#token === noToken) at = this.#structure(chunk, at);
      else if (this.#token === primitiveToken) at = this.#primitive(chunk, at);
      else at = this.#quoted(text, at);
    }
    this.#base += chunk.length;
  }

  /** Throws ScanError unless one whole object has been written. */
  end(): void {
    if (this.#expected !== expectNothing) throw new ScanError('invalid_json', this.#base);
  }

  #structure(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (isBlank(byte)) continue;
      this.#step(byte, this.#base + at);
      if (this.#token !== noToken) return this.#token === primitiveToken ? at : at + 1;
    }
    return chunk.length;
  }

  #step(byte: number, at: number): void {
    switch (this.#expected) {
      case expectValue:
        return this.#value(byte, at);
      case expectFirstValue:
        return byte === closeList ? this.#pop(byte, at) : this.#value(byte, at);
      case expectFirstKey:
        return byte === closeObject ? this.#pop(byte, at) : this.#key(byte, at);
      case expectKey:
        return this.#key(byte, at);
      case expectColon:
        if (byte !== colon) throw new ScanError('invalid_json', at);
        this.#expected = expectValue;
        return;
      case expectComma:
        return byte === comma ? this.#comma() : this.#pop(byte, at);
      case expectTop:
        return this.#top(byte, at);
      default:
        throw new ScanError('invalid_json', at);
    }
  }

  #top(byte: number, at: number): void {
    if (byte === openObject) return this.#push(byte, at);
    const isJson = byte === openList || byte === quote || startsPrimitive(byte);
    throw new ScanError(isJson ? 'not_an_object' : 'invalid_json', at);
  }

  #key(byte: number, at: number): void {
    if (byte !== quote) throw new ScanError('invalid_json', at);
    this.#token = keyToken;
    this.#sink.keyStart();
  }

  #value(byte: number, at: number): void {
    if (byte === quote) {
      this.#token = stringToken;
      this.#sink.stringStart(at);
    } else if (byte === openObject || byte === openList) {
      this.#push(byte, at);
    } else if (startsPrimitive(byte)) {
      this.#token = primitiveToken;
      this.#sink.primitiveStart(at);
    } else {
      throw new ScanError('invalid_json', at);
    }
  }

  #comma(): void {
    this.#expected = this.#stack[this.#depth - 1] === openObject ? expectKey : expectValue;
    this.#sink.comma();
  }

  #push(byte: number, at: number): void {
    if (this.#depth === this.#stack.length) throw new ScanError('too_deep', at);
    this.#stack[this.#depth++] = byte;
    this.#expected = byte === openObject ? expectFirstKey : expectFirstValue;
    this.#sink.open(byte, at);
  }

  #pop(byte: number, at: number): void {
    // In ASCII each closing bracket stands two after its opening one.
    if (this.#stack[this.#depth - 1] !== byte - 2) throw new ScanError('invalid_json', at);
    this.#depth--;
    this.#expected = this.#depth === 0 ? expectNothing : expectComma;
    this.#sink.close(byte, at + 1);
  }

  #primitive(chunk: Uint8Array, from: number): number {
    let to = from;
    while (to < chunk.length && !endsPrimitive(chunk[to] ?? 0)) to++;
    this.#sink.text(chunk, from, to);
    if (to === chunk.length) return to;
    this.#token = noToken;
    this.#expected = expectComma;
    this.#sink.primitiveEnd(this.#base + to);
    return to;
  }

  #quoted(text: JsonText, from: number): number {
    const { chunk } = text;
    const start = this.#escaped && (chunk[from] ?? 0) >= space ? from + 1 : from;
    const to = text.endFrom(start);
    this.#escaped = to === chunk.length && text.isEscaped(to, start);
    if (to < chunk.length && chunk[to] !== quote) throw new ScanError('invalid_json', this.#base + to);
    this.#sink.text(chunk, from, to);
    if (to === chunk.length) return to;
    this.#endQuoted(this.#base + to + 1);
    return to + 1;
  }

  #endQuoted(end: number): void {
    const wasKey = this.#token === keyToken;
    this.#token = noToken;
    this.#expected = wasKey ? expectColon : expectComma;
    if (wasKey) this.#sink.keyEnd();
    else this.#sink.stringEnd(end);
  }
}
