import type { JsonSink } from './json-walker.ts';
import { fieldKeys, readField } from './request-fields.ts';
import type { FieldKey, RequestFields } from './request-fields.ts';
import { RoutingKey } from './routing-key.ts';
import { ScanError } from './scan-error.ts';
import type { ByteRange, ScannedRequest, ScannedSpan } from './scan-result.ts';
import { SpanHasher } from './span-hasher.ts';
import type { ScanLimits, SpanRules } from './span-rules.ts';
import { ValueCapture } from './value-capture.ts';

const fields: ReadonlySet<string> = new Set(fieldKeys);
const isField = (name: string): name is FieldKey => fields.has(name);

/** Watches the members of the top-level object and hands each value to what reads or hashes it. */
export class RequestSink implements JsonSink {
  private readonly rules: SpanRules;
  private readonly limits: ScanLimits;
  private readonly key = new RoutingKey();
  private readonly values: RequestFields = {};
  private readonly ranges = new Map<string, ByteRange>();
  private readonly hashers = new Map<string, SpanHasher>();
  private object: ByteRange = { start: 0, end: 0 };
  private members = 0;
  private streamOptionsJson: string | undefined;
  private depth = 0;
  private inTopKey = false;
  private valueKey = '';
  private valueStart = 0;
  /** What takes the value under way; nothing does if its key does not matter. */
  private reader: SpanHasher | ValueCapture | undefined;

  constructor(rules: SpanRules, limits: ScanLimits) {
    this.rules = rules;
    this.limits = limits;
  }

  open(byte: number, at: number): void {
    if (this.depth === 0) this.object = { start: at, end: at };
    if (this.depth === 1) this.startValue(at);
    this.depth++;
    this.reader?.open(byte);
  }

  close(byte: number, end: number): void {
    this.depth--;
    this.reader?.close(byte);
    if (this.depth === 0) this.object = { start: this.object.start, end };
    if (this.depth === 1) this.endValue(end);
  }

  comma(): void {
    this.reader?.comma();
  }

  keyStart(): void {
    if (this.depth > 1) return this.reader?.keyStart();
    this.inTopKey = true;
    this.members++;
    this.key.clear();
  }

  keyEnd(): void {
    if (this.depth > 1) return this.reader?.keyEnd();
    this.inTopKey = false;
  }

  stringStart(at: number): void {
    if (this.depth === 1) this.startValue(at);
    this.reader?.stringStart();
  }

  stringEnd(end: number): void {
    this.reader?.stringEnd();
    if (this.depth === 1) this.endValue(end);
  }

  primitiveStart(at: number): void {
    if (this.depth === 1) this.startValue(at);
    this.reader?.primitiveStart();
  }

  primitiveEnd(end: number): void {
    this.reader?.primitiveEnd();
    if (this.depth === 1) this.endValue(end);
  }

  text(chunk: Uint8Array, from: number, to: number): void {
    if (this.inTopKey) this.key.append(chunk, from, to);
    else this.reader?.text(chunk, from, to);
  }

  result(): Omit<ScannedRequest, 'ok' | 'bytes'> {
    const model = this.ranges.get('model');
    const streamOptions = this.ranges.get('stream_options');
    return {
      ...this.values,
      at: {
        object: this.object,
        members: this.members,
        ...(model ? { model } : {}),
        ...(streamOptions ? { streamOptions } : {}),
      },
      ...(this.streamOptionsJson === undefined ? {} : { streamOptionsJson: this.streamOptionsJson }),
      spans: this.rules.spans.flatMap(({ key, kind }): ScannedSpan[] => {
        const hasher = this.hashers.get(key);
        if (!hasher || hasher.chain.hashes.length === 0) return [];
        const { hashes, ends, messageEnds } = hasher.chain;
        return [{ key, kind, hashes, ends, messageEnds, firstUserEnd: hasher.firstUserEnd }];
      }),
    };
  }

  private startValue(at: number): void {
    const key = this.key.read();
    const rule = key && this.rules.spans.find((span) => span.key === key.name);
    if (!key || !(rule || isField(key.name))) return;
    if (key.escaped) throw new ScanError('escaped_key', at, key.name);
    if (this.ranges.has(key.name)) throw new ScanError('duplicate_key', at, key.name);
    this.valueKey = key.name;
    this.valueStart = at;
    this.ranges.set(key.name, { start: at, end: at });
    if (rule) {
      const hasher = new SpanHasher(rule.kind, this.rules, this.limits);
      this.hashers.set(key.name, hasher);
      this.reader = hasher;
    } else {
      this.reader = new ValueCapture(this.limits.maxValueBytes);
    }
  }

  private endValue(end: number): void {
    if (!this.reader) return;
    this.ranges.set(this.valueKey, { start: this.valueStart, end });
    if (this.reader instanceof ValueCapture && isField(this.valueKey)) this.read(this.valueKey, this.reader);
    this.reader = undefined;
  }

  private read(key: FieldKey, capture: ValueCapture): void {
    const json = capture.json();
    const read = json === undefined ? undefined : readField(key, parse(json));
    if (!read) throw new ScanError('invalid_value', this.valueStart, key);
    if (key === 'stream_options') this.streamOptionsJson = json;
    const maxTokens = Math.max(read.maxTokens ?? 0, this.values.maxTokens ?? 0);
    const hasMaxTokens = read.maxTokens !== undefined || this.values.maxTokens !== undefined;
    Object.assign(this.values, read, hasMaxTokens ? { maxTokens } : {});
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
