import { scramble } from '#shared/runtime/seeded-random.ts';

/** A piece of a rendered prompt: a control token of the template, plain text, or a picture of a fixed size. */
export type Segment =
  | { readonly control: string }
  | { readonly text: string }
  | { readonly picture: string; readonly tokens: number };

/** A prompt in the engine's units. */
export interface TokenizedPrompt {
  readonly tokens: number;
  /** The chain after the last prompt token, ready to take the output's tokens. */
  readonly chain: TokenChain;
}

const wordLength = 10;
const punctuationLength = 4;
const blankLength = 8;

/**
 * Cuts text into pseudo-tokens of about four bytes: up to ten letters or digits with the space before them, up to
 * four punctuation marks, a run of one blank character, or one character outside ASCII. Where a token ends depends
 * only on what follows directly, so text that is cut token by token and put together again gives the same tokens:
 * that is why an answer which comes back in the next turn's prompt hits the blocks that were cached while making it.
 */
export function forEachToken(text: string, visit: (start: number, end: number) => void): void {
  for (let start = 0; start < text.length;) {
    const end = tokenEnd(text, start);
    visit(start, end);
    start = end;
  }
}

/** The tokens of a text as strings. */
export function splitTokens(text: string): string[] {
  const tokens: string[] = [];
  forEachToken(text, (start, end) => tokens.push(text.slice(start, end)));
  return tokens;
}

/** A 32-bit number for the token `text[start, end)` (FNV-1a over UTF-16 units). */
export function tokenId(text: string, start = 0, end = text.length): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** How a chain is kept. */
export interface ChainOptions {
  readonly salt?: string;
  /** Whether the tokens are kept beside the hashes: eight bytes each. */
  readonly keepsIds?: boolean;
}

/**
 * Chained hashes over whole blocks of tokens: block i's hash covers the salt and every token up to its end, as vLLM's
 * prefix cache does. A hash has 53 bits, so that it is exact as a number.
 */
export class TokenChain {
  /** Separates caches: requests with different salts never share a block. */
  readonly salt: string;
  readonly #blockTokens: number;
  readonly #blocks: number[] = [];
  readonly #ids: number[] = [];
  readonly #keepsIds: boolean;
  #tokens = 0;
  #low: number;
  #high: number;

  constructor(blockTokens: number, { salt = '', keepsIds = false }: ChainOptions = {}) {
    this.salt = salt;
    this.#blockTokens = blockTokens;
    this.#keepsIds = keepsIds;
    this.#low = tokenId(salt);
    this.#high = scramble(this.#low ^ 0x9e3779b9);
  }

  /** Tokens so far. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Hashes of the whole blocks so far. */
  get blocks(): readonly number[] {
    return this.#blocks;
  }

  /** The tokens so far, if they are kept. */
  get ids(): readonly number[] {
    return this.#ids;
  }

  /** A number that stands for everything so far. */
  get fingerprint(): number {
    return scramble(this.#low ^ this.#high) >>> 0;
  }

  add(id: number): void {
    this.#low = Math.imul(((this.#low ^ id) << 13) | ((this.#low ^ id) >>> 19), 0x85ebca6b);
    this.#high = (Math.imul(this.#high + id, 0xc2b2ae35) ^ (this.#high >>> 15)) | 0;
    this.#tokens += 1;
    if (this.#keepsIds) this.#ids.push(id);
    if (this.#tokens % this.#blockTokens === 0)
      this.#blocks.push((scramble(this.#low) >>> 0) * 2_097_152 + (scramble(this.#high) >>> 11));
  }
}

/** Turns a rendered prompt into tokens and block hashes. */
export function tokenize(segments: readonly Segment[], blockTokens: number, options?: ChainOptions): TokenizedPrompt {
  const chain = new TokenChain(blockTokens, options);
  for (const segment of segments) {
    if ('control' in segment) chain.add(tokenId(`\u0000${segment.control}`));
    else if ('text' in segment)
      forEachToken(segment.text, (start, end) => chain.add(tokenId(segment.text, start, end)));
    else addPicture(chain, segment.picture, segment.tokens);
  }
  return { tokens: chain.tokens, chain };
}

function addPicture(chain: TokenChain, picture: string, tokens: number): void {
  const id = tokenId(picture);
  for (let index = 0; index < tokens; index += 1) chain.add((id + index) >>> 0);
}

function tokenEnd(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === 32 && isWord(text.charCodeAt(start + 1))) return runEnd(text, start + 1, wordLength);
  if (isWord(first)) return runEnd(text, start, wordLength);
  if (isBlank(first)) {
    let end = start + 1;
    while (
      end < start + blankLength &&
      text.charCodeAt(end) === first &&
      !(first === 32 && isWord(text.charCodeAt(end + 1)))
    )
      end += 1;
    return end;
  }
  if (first > 127) return start + 1;
  let end = start + 1;
  while (end < start + punctuationLength && isPunctuation(text.charCodeAt(end))) end += 1;
  return end;
}

function runEnd(text: string, start: number, longest: number): number {
  let end = start + 1;
  while (end < start + longest && isWord(text.charCodeAt(end))) end += 1;
  return end;
}

function isWord(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95;
}

function isBlank(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

function isPunctuation(code: number): boolean {
  return code <= 127 && !isWord(code) && !isBlank(code);
}
