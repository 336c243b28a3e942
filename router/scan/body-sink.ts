import { parseJson } from '#shared/runtime/parse-json.ts';
import type { BodyRules, FieldReader, RoutingFields, ScanLimits } from './body-rules.ts';
import { colon, comma, quote, type JsonSink } from './json-walker.ts';
import { ScanError, type ByteRange, type FieldText, type ScannedBody, type ScannedSpan } from './scanned-body.ts';
import { SpanHasher } from './span-hasher.ts';

/** The longest routing key (32 letters) with every letter as a \u escape. */
const rawKeyBytesMax = 6 * 32;

/** Fields that engines take by one member or another, whichever they prefer: what is limited is the greatest. */
const limited = ['maxTokens', 'choices', 'candidates'] as const;

/** Watches the members of the top-level object and hands each value to what reads or hashes it. */
export class BodySink implements JsonSink {
  readonly #rules: BodyRules;
  readonly #limits: ScanLimits;
  readonly #key = new TopKey();
  readonly #values: RoutingFields = {};
  readonly #seen = new Set<string>();
  readonly #fields = new Map<string, FieldText>();
  readonly #hashers = new Map<string, SpanHasher>();
  #object: ByteRange = { start: 0, end: 0 };
  #members = 0;
  #depth = 0;
  #inTopKey = false;
  #valueKey = '';
  #valueStart = 0;
  /** What takes the value under way; nothing does if its key does not matter. */
  #reader: SpanHasher | ValueCapture | undefined;

  constructor(rules: BodyRules, limits: ScanLimits) {
    this.#rules = rules;
    this.#limits = limits;
  }

  open(byte: number, at: number): void {
    if (this.#depth === 0) this.#object = { start: at, end: at };
    if (this.#depth === 1) this.#startValue(at);
    this.#depth++;
    this.#reader?.open(byte, at);
  }

  close(byte: number, end: number): void {
    this.#depth--;
    this.#reader?.close(byte, end);
    if (this.#depth === 0) this.#object = { start: this.#object.start, end };
    if (this.#depth === 1) this.#endValue(end);
  }

  comma(): void {
    this.#reader?.comma();
  }

  keyStart(): void {
    if (this.#depth > 1) return this.#reader?.keyStart();
    this.#inTopKey = true;
    this.#members++;
    this.#key.clear();
  }

  keyEnd(): void {
    if (this.#depth > 1) return this.#reader?.keyEnd();
    this.#inTopKey = false;
  }

  stringStart(at: number): void {
    if (this.#depth === 1) this.#startValue(at);
    this.#reader?.stringStart(at);
  }

  stringEnd(end: number): void {
    this.#reader?.stringEnd(end);
    if (this.#depth === 1) this.#endValue(end);
  }

  primitiveStart(at: number): void {
    if (this.#depth === 1) this.#startValue(at);
    this.#reader?.primitiveStart(at);
  }

  primitiveEnd(end: number): void {
    this.#reader?.primitiveEnd(end);
    if (this.#depth === 1) this.#endValue(end);
  }

  text(chunk: Uint8Array, from: number, to: number): void {
    if (this.#inTopKey) this.#key.append(chunk, from, to);
    else this.#reader?.text(chunk, from, to);
  }

  result(): Omit<ScannedBody, 'ok' | 'bytes'> {
    return {
      ...this.#values,
      object: this.#object,
      members: this.#members,
      fields: this.#fields,
      volatile: [...this.#hashers.values()].flatMap(({ cuts }) => cuts.ranges),
      spans: this.#rules.spans.flatMap(({ key, kind }): ScannedSpan[] => {
        const hasher = this.#hashers.get(key);
        if (!hasher || hasher.chain.blocks === 0) return [];
        const { hashes, ends, media, messageEnds } = hasher.chain;
        const { messages, firstUserEnd } = hasher;
        return [{ key, kind, messages, hashes, ends, media, messageEnds, firstUserEnd }];
      }),
    };
  }

  #startValue(at: number): void {
    const key = this.#key.read();
    if (key === undefined) return;
    const { name, escaped } = key;
    const span = this.#rules.spans.find((rule) => rule.key === name);
    if (span === undefined && !this.#rules.fields.has(name)) return;
    if (escaped) throw new ScanError('escaped_key', at, name);
    if (this.#seen.has(name)) throw new ScanError('duplicate_key', at, name);
    this.#seen.add(name);
    this.#valueKey = name;
    this.#valueStart = at;
    if (span === undefined) {
      this.#reader = new ValueCapture(this.#limits.maxValueBytes);
      return;
    }
    this.#reader = new SpanHasher(span.kind, this.#rules, this.#limits);
    this.#hashers.set(name, this.#reader);
  }

  #endValue(end: number): void {
    const reader = this.#reader;
    this.#reader = undefined;
    const read = this.#rules.fields.get(this.#valueKey);
    if (reader instanceof ValueCapture && read !== undefined) this.#readField(read, reader.json(), end);
  }

  #readField(read: FieldReader, json: string | undefined, end: number): void {
    const [start, key] = [this.#valueStart, this.#valueKey];
    const value = json === undefined ? undefined : parseJson(json);
    if (json === undefined || value === undefined) throw new ScanError('wrong_type', start, key);
    this.#fields.set(key, { start, end, json });
    const found = value === null ? {} : read(value);
    if (typeof found === 'string') throw new ScanError(found, start, key);
    const before = { ...this.#values };
    Object.assign(this.#values, found);
    for (const name of limited) {
      const [one, other] = [before[name], this.#values[name]];
      if (one !== undefined && other !== undefined) this.#values[name] = Math.max(one, other);
    }
  }
}

/** Keeps the text of one short value (without white space between tokens), to be parsed when it is whole. */
class ValueCapture implements JsonSink {
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

/** Collects one key of the top-level object, in pieces, as far as it can be one that matters. */
class TopKey {
  readonly #bytes = Buffer.alloc(rawKeyBytesMax);
  #length = 0;

  clear(): void {
    this.#length = 0;
  }

  append(chunk: Uint8Array, from: number, to: number): void {
    const size = Math.min(to - from, rawKeyBytesMax - this.#length);
    if (size > 0) this.#bytes.set(chunk.subarray(from, from + size), this.#length);
    this.#length += to - from;
  }

  /** The key as an engine reads it, and whether it was spelled with escapes; undefined if too long to matter. */
  read(): { name: string; escaped: boolean } | undefined {
    if (this.#length > rawKeyBytesMax) return undefined;
    const raw = this.#bytes.toString('utf8', 0, this.#length);
    if (!raw.includes('\\')) return { name: raw, escaped: false };
    const name = parseJson(`"${raw}"`);
    return typeof name === 'string' ? { name, escaped: true } : undefined;
  }
}
