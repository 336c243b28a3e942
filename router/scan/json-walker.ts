import { ScanError } from './scan-error.ts';

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

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

const EXPECT_TOP = 0;
const EXPECT_FIRST_KEY = 1;
const EXPECT_KEY = 2;
const EXPECT_COLON = 3;
const EXPECT_FIRST_VALUE = 4;
const EXPECT_VALUE = 5;
const EXPECT_COMMA = 6;
const EXPECT_NOTHING = 7;

const NO_TOKEN = 0;
const KEY_TOKEN = 1;
const STRING_TOKEN = 2;
const PRIMITIVE_TOKEN = 3;

const isBlank = (byte: number): boolean => byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
const startsPrimitive = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x74 || byte === 0x66 || byte === 0x6e;
const endsPrimitive = (byte: number): boolean =>
  byte <= SPACE || byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT;

/**
 * Walks one JSON object that arrives in pieces, cut anywhere, and tells a sink about its tokens. Linear, keeps nothing
 * of the text, and remembers one byte per level of nesting.
 */
export class JsonWalker {
  private readonly sink: JsonSink;
  private readonly stack: Uint8Array;
  private depth = 0;
  private expected = EXPECT_TOP;
  private token = NO_TOKEN;
  private escaped = false;
  private base = 0;

  constructor(sink: JsonSink, maxDepth: number) {
    this.sink = sink;
    this.stack = new Uint8Array(maxDepth);
  }

  /** Takes the next bytes. Throws ScanError; nothing may be written after that. */
  write(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.token === NO_TOKEN) at = this.structure(chunk, at);
      else if (this.token === PRIMITIVE_TOKEN) at = this.primitive(chunk, at);
      else at = this.quoted(chunk, at);
    }
    this.base += chunk.length;
  }

  /** Throws ScanError unless one whole object has been written. */
  end(): void {
    if (this.expected !== EXPECT_NOTHING) throw new ScanError('invalid_json', this.base);
  }

  private structure(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (isBlank(byte)) continue;
      this.step(byte, this.base + at);
      if (this.token !== NO_TOKEN) return this.token === PRIMITIVE_TOKEN ? at : at + 1;
    }
    return chunk.length;
  }

  private step(byte: number, at: number): void {
    switch (this.expected) {
      case EXPECT_VALUE:
        return this.value(byte, at);
      case EXPECT_FIRST_VALUE:
        return byte === CLOSE_LIST ? this.pop(byte, at) : this.value(byte, at);
      case EXPECT_FIRST_KEY:
        return byte === CLOSE_OBJECT ? this.pop(byte, at) : this.key(byte, at);
      case EXPECT_KEY:
        return this.key(byte, at);
      case EXPECT_COLON:
        if (byte !== COLON) throw new ScanError('invalid_json', at);
        this.expected = EXPECT_VALUE;
        return;
      case EXPECT_COMMA:
        return byte === COMMA ? this.comma() : this.pop(byte, at);
      case EXPECT_TOP:
        return this.top(byte, at);
      default:
        throw new ScanError('invalid_json', at);
    }
  }

  private top(byte: number, at: number): void {
    if (byte === OPEN_OBJECT) return this.push(byte, at);
    const isJson = byte === OPEN_LIST || byte === QUOTE || startsPrimitive(byte);
    throw new ScanError(isJson ? 'not_an_object' : 'invalid_json', at);
  }

  private key(byte: number, at: number): void {
    if (byte !== QUOTE) throw new ScanError('invalid_json', at);
    this.token = KEY_TOKEN;
    this.sink.keyStart();
  }

  private value(byte: number, at: number): void {
    if (byte === QUOTE) {
      this.token = STRING_TOKEN;
      this.sink.stringStart(at);
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      this.push(byte, at);
    } else if (startsPrimitive(byte)) {
      this.token = PRIMITIVE_TOKEN;
      this.sink.primitiveStart(at);
    } else {
      throw new ScanError('invalid_json', at);
    }
  }

  private comma(): void {
    this.expected = this.stack[this.depth - 1] === OPEN_OBJECT ? EXPECT_KEY : EXPECT_VALUE;
    this.sink.comma();
  }

  private push(byte: number, at: number): void {
    if (this.depth === this.stack.length) throw new ScanError('too_deep', at);
    this.stack[this.depth++] = byte;
    this.expected = byte === OPEN_OBJECT ? EXPECT_FIRST_KEY : EXPECT_FIRST_VALUE;
    this.sink.open(byte, at);
  }

  private pop(byte: number, at: number): void {
    // In ASCII each closing bracket stands two after its opening one.
    if (this.stack[this.depth - 1] !== byte - 2) throw new ScanError('invalid_json', at);
    this.depth--;
    this.expected = this.depth === 0 ? EXPECT_NOTHING : EXPECT_COMMA;
    this.sink.close(byte, at + 1);
  }

  private primitive(chunk: Uint8Array, from: number): number {
    let to = from;
    while (to < chunk.length && !endsPrimitive(chunk[to] ?? 0)) to++;
    this.sink.text(chunk, from, to);
    if (to === chunk.length) return to;
    this.token = NO_TOKEN;
    this.expected = EXPECT_COMMA;
    this.sink.primitiveEnd(this.base + to);
    return to;
  }

  private quoted(chunk: Uint8Array, from: number): number {
    const length = chunk.length;
    let to = this.escaped ? from + 1 : from;
    while (to < length) {
      const byte = chunk[to] ?? 0;
      // Most bytes of most texts take this way: one comparison.
      if (byte > BACKSLASH) to += 1;
      else if (byte === QUOTE) break;
      else if (byte < SPACE) throw new ScanError('invalid_json', this.base + to);
      else to += byte === BACKSLASH ? 2 : 1;
    }
    this.escaped = to > length;
    if (to >= length) {
      this.sink.text(chunk, from, length);
      return length;
    }
    this.sink.text(chunk, from, to);
    this.endQuoted(this.base + to + 1);
    return to + 1;
  }

  private endQuoted(end: number): void {
    const wasKey = this.token === KEY_TOKEN;
    this.token = NO_TOKEN;
    this.expected = wasKey ? EXPECT_COLON : EXPECT_COMMA;
    if (wasKey) this.sink.keyEnd();
    else this.sink.stringEnd(end);
  }
}
