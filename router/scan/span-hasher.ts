import { BlockChain } from './block-chain.ts';
import { closeList, colon, comma, openList, quote } from './json-walker.ts';
import type { JsonSink } from './json-walker.ts';
import { ListCuts } from './list-cuts.ts';
import { memberBytesMax, type BodyRules, type ScanLimits, type SpanKind } from './body-rules.ts';

const nullStart = 0x6e;
/** A text that begins with so many bytes of base64, or of a data URL, is a medium if it is long enough. */
const sniffedBytes = 256;
const [upper, lower, digit, mark] = [1, 2, 4, 8] as const;
/** What the bytes of base64 and of a data URL are; 0 for all others. */
const mediumBytes = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ')) mediumBytes[byte] = upper;
for (const byte of Buffer.from('abcdefghijklmnopqrstuvwxyz')) mediumBytes[byte] = lower;
for (const byte of Buffer.from('0123456789')) mediumBytes[byte] = digit;
for (const byte of Buffer.from('+/=-_:;,.\\')) mediumBytes[byte] = mark;

/** A byte string of bounded length that grows in pieces. */
class Name {
  readonly bytes = Buffer.alloc(memberBytesMax);
  length = 0;

  /** False if it does not fit; then nothing was taken. */
  append(chunk: Uint8Array, from: number, to: number): boolean {
    if (this.length + to - from > memberBytesMax) return false;
    for (let at = from; at < to; at++) this.bytes[this.length++] = chunk[at] ?? 0;
    return true;
  }

  equals(other: Uint8Array): boolean {
    if (other.length !== this.length) return false;
    for (let i = 0; i < other.length; i++) if (other[i] !== this.bytes[i]) return false;
    return true;
  }
}

/**
 * Hashes one value of the body into a chain of blocks: an array element by element from its first to its last byte, a
 * text without its quotes. White space between tokens and volatile members (with one comma) do not count. Numbers in a
 * list (token ids) are one run with commas. A text that is base64 from its begin on is a medium.
 */
export class SpanHasher implements JsonSink {
  readonly chain: BlockChain;
  /** What its volatile elements are in the body. */
  readonly cuts = new ListCuts();
  /** Index of the block that ends with the first message of the role `user`, or with the first text that has no role. */
  firstUserEnd = -1;
  /** Elements of the list, its numbers counted as one; 1 for a text. */
  messages = 0;
  readonly #volatileKeys: readonly Uint8Array[];
  readonly #volatileTexts: readonly Buffer[];
  readonly #author: { readonly key: Uint8Array; readonly user: Uint8Array };
  readonly #hasRoles: boolean;
  #depth = 0;
  #elementDepth = 0;
  #skipDepth = -1;
  #afterSkipped = false;
  #commaPending = false;
  #numbers = false;
  #nullSuspected = false;
  #inKey = false;
  #keyIsLong = false;
  #roleNext = false;
  #inRole = false;
  #isUser = false;
  #blocksBefore = 0;
  #elementStart = 0;
  /** Bytes of the text under way that may be a medium's; -1 once that is decided. */
  #sniffed = -1;
  #sniffedKinds = 0;
  readonly #key = new Name();
  readonly #role = new Name();

  constructor(kind: SpanKind, rules: BodyRules, limits: ScanLimits) {
    this.chain = new BlockChain(limits.blockBytes, limits.maxBlocks);
    this.#hasRoles = kind === 'messages';
    this.#volatileKeys = rules.volatileKeys.map((key) => Buffer.from(key));
    // A quote behind a colon opens a text: inside of one it would be escaped.
    const texts = kind === 'system' ? rules.volatileTexts : [];
    this.#volatileTexts = texts.map((text) => Buffer.from(`:"${text}`));
    this.#author = { key: Buffer.from(rules.author.key), user: Buffer.from(rules.author.user) };
  }

  open(byte: number, at: number): void {
    if (this.#skipDepth >= 0) {
      this.#depth++;
      return;
    }
    if (this.#depth === 0 && byte === openList) {
      this.#elementDepth = 1;
    } else {
      this.#startValue(at);
      this.chain.appendByte(byte);
    }
    this.#depth++;
  }

  close(byte: number, end: number): void {
    this.#depth--;
    if (this.#skipDepth >= 0) return this.#maybeEndSkip();
    this.#commaPending = false;
    this.#afterSkipped = false;
    if (this.#depth < this.#elementDepth) {
      if (this.#numbers) this.#endMessage(true);
      return;
    }
    this.chain.appendByte(byte);
    if (this.#depth === this.#elementDepth) this.#endElement(end, byte === closeList);
  }

  comma(): void {
    if (this.#skipDepth >= 0) return;
    if (this.#depth === this.#elementDepth) {
      if (this.#numbers) this.chain.appendByte(comma);
      return;
    }
    if (!this.#afterSkipped) this.#commaPending = true;
    this.#afterSkipped = false;
  }

  keyStart(): void {
    if (this.#skipDepth >= 0) return;
    this.#inKey = true;
    this.#keyIsLong = false;
    this.#key.length = 0;
  }

  keyEnd(): void {
    if (this.#skipDepth >= 0) return;
    this.#inKey = false;
    if (!this.#keyIsLong && this.#isVolatileKey()) {
      this.#skipDepth = this.#depth;
      return;
    }
    if (!this.#keyIsLong) this.#emitKeyStart();
    this.chain.appendByte(quote);
    this.chain.appendByte(colon);
    this.#roleNext = !this.#keyIsLong && this.#depth === this.#elementDepth + 1 && this.#key.equals(this.#author.key);
  }

  stringStart(at: number): void {
    if (this.#skipDepth >= 0) return;
    this.#inRole = this.#roleNext;
    this.#role.length = 0;
    this.#startValue(at);
    if (this.#depth === 0) return;
    this.chain.appendByte(quote);
    this.#sniffed = 0;
    this.#sniffedKinds = 0;
  }

  stringEnd(end: number): void {
    if (this.#skipDepth >= 0) return this.#maybeEndSkip();
    this.#sniffed = -1;
    this.chain.endMedium();
    if (this.#depth > 0) this.chain.appendByte(quote);
    if (this.#inRole) this.#isUser = this.#role.equals(this.#author.user);
    this.#inRole = false;
    if (this.#depth === this.#elementDepth) this.#endElement(end, true);
  }

  primitiveStart(at: number): void {
    if (this.#skipDepth >= 0) return;
    this.#startValue(at);
    if (this.#depth === this.#elementDepth) this.#numbers = true;
    this.#nullSuspected = this.#depth === 0;
  }

  primitiveEnd(end: number): void {
    if (this.#skipDepth >= 0) return this.#maybeEndSkip();
    if (this.#depth > 0) {
      if (this.#depth === this.#elementDepth) this.cuts.keep({ start: this.#elementStart, end });
      return;
    }
    // `"tools": null` means the same as no tools.
    if (this.#nullSuspected && this.chain.pending()[0] === nullStart) this.chain.discardPending();
    this.#endElement(end, true);
  }

  text(chunk: Uint8Array, from: number, to: number): void {
    if (this.#skipDepth >= 0) return;
    if (this.#inKey && !this.#keyIsLong) {
      if (this.#key.append(chunk, from, to)) return;
      this.#emitKeyStart();
      this.#keyIsLong = true;
    }
    if (this.#inRole && !this.#role.append(chunk, from, to)) this.#inRole = false;
    const rest = this.#sniffed < 0 ? from : this.#sniff(chunk, from, to);
    this.chain.append(chunk, rest, to);
  }

  /** Appends the begin of a text that may be a medium; says where that ends. */
  #sniff(chunk: Uint8Array, from: number, to: number): number {
    const end = Math.min(to, from + sniffedBytes - this.#sniffed);
    for (let at = from; at < end; at++) {
      const kind = mediumBytes[chunk[at] ?? 0] ?? 0;
      this.#sniffedKinds |= kind;
      if (kind > 0) continue;
      this.#sniffed = -1;
      return from;
    }
    this.chain.append(chunk, from, end);
    this.#sniffed += end - from;
    if (this.#sniffed < sniffedBytes) return end;
    this.#sniffed = -1;
    // Long words of other languages, rulers and hexadecimal numbers lack one of these.
    if ((this.#sniffedKinds & (upper | lower | digit)) === (upper | lower | digit)) this.chain.beginMedium();
    return end;
  }

  #emitKeyStart(): void {
    this.#startToken();
    this.chain.appendByte(quote);
    this.chain.append(this.#key.bytes, 0, this.#key.length);
  }

  #startValue(at: number): void {
    this.#startToken();
    if (this.#depth !== this.#elementDepth) return;
    this.#isUser = false;
    this.#blocksBefore = this.chain.blocks;
    this.#elementStart = at;
  }

  #startToken(): void {
    this.#roleNext = false;
    if (this.#commaPending) this.chain.appendByte(comma);
    this.#commaPending = false;
  }

  #endElement(end: number, isBare: boolean): void {
    const element = { start: this.#elementStart, end };
    if (this.#isVolatile()) {
      this.chain.discardPending();
      return this.cuts.cut(element);
    }
    this.cuts.keep(element);
    this.#endMessage(isBare);
  }

  #endMessage(isBare: boolean): void {
    this.#numbers = false;
    this.messages++;
    this.chain.cutMessage();
    const isFirstUser = this.#hasRoles && this.firstUserEnd < 0 && (isBare || this.#isUser);
    if (isFirstUser && !this.chain.isFull) this.firstUserEnd = this.chain.blocks - 1;
  }

  #isVolatileKey(): boolean {
    for (const key of this.#volatileKeys) if (this.#key.equals(key)) return true;
    return false;
  }

  #isVolatile(): boolean {
    if (this.#volatileTexts.length === 0 || this.#elementDepth === 0) return false;
    if (this.chain.blocks !== this.#blocksBefore) return false;
    const element = Buffer.from(this.chain.pending());
    return this.#volatileTexts.some((text) => element.includes(text));
  }

  #maybeEndSkip(): void {
    if (this.#depth !== this.#skipDepth) return;
    this.#skipDepth = -1;
    this.#afterSkipped = true;
  }
}
