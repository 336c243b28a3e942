import type { PoolDocument } from '#shared/contract/replica.ts';
import type { PromptKeys } from '../scan/prefix-hash.ts';
import { TokenRates } from './token-rates.ts';

/** Bytes of prompt per token until a pool has shown its own: code and English in 2026's tokenizers. */
const atFirst = 4;
/** Weight of one answer in the running mean. */
const share = 0.05;
/** The same for what comes back of an answer, which is seen less well. */
const comebackShare = 0.1;
/** Answers to shorter prompts say little: the template's own tokens weigh too much in them. */
const promptTokensMin = 64;
/** Whoever sizes something by it is told when it has moved by this share. */
const moved = 0.05;

/** What is learned of one pool. */
interface Learned {
  /** Running means of prompts: long ones count as much as they take of a cache. */
  bytes: number;
  tokens: number;
  told: number;
  readonly rates: TokenRates;
  /** Share of an answer's tokens that the next prompt of its conversation begins with. */
  comeback: number;
  comebacks: number;
}

/** How bytes of a request's prompt become tokens, learned per pool from what engines report. */
export class BytesPerToken {
  readonly #pools = new Map<string, Learned>();
  readonly #untold = new TokenRates();
  /** KV tokens of replicas whose engines say them. */
  readonly #capacities = new Map<string, number>();

  /** Bytes per token of whole prompts. */
  of(pool: string): number {
    const learned = this.#pools.get(pool);
    return learned === undefined ? atFirst : Math.min(16, Math.max(0.5, learned.bytes / learned.tokens));
  }

  /** The KV capacity of a replica, in prompt bytes: as its engine says it, else as its profile does. */
  capacityOf({ pool, engine }: PoolDocument, replica: string): number {
    return Math.round((this.#capacities.get(replica) ?? engine.kvTokens) * this.of(pool));
  }

  /** An engine says how many tokens its KV cache holds. True if it said something else before, or nothing. */
  tellCapacity(replica: string, kvTokens: number): boolean {
    if (this.#capacities.get(replica) === kvTokens) return false;
    this.#capacities.set(replica, kvTokens);
    return true;
  }

  forgetReplica(replica: string): void {
    this.#capacities.delete(replica);
  }

  /** Tokens of a prompt up to the end of a block (0 for block -1), by what its tools, system prompt, messages and media are. */
  tokensUpTo(pool: string, prompt: PromptKeys, block: number): number {
    return (this.#pools.get(pool)?.rates ?? this.#untold).tokensUpTo(prompt, block);
  }

  /** An answer came: its prompt was so many tokens. True when `of` has moved since that was last told. */
  learn(pool: string, prompt: PromptKeys, promptTokens: number): boolean {
    const bytes = prompt.bytesUpTo.at(-1) ?? 0;
    if (promptTokens < promptTokensMin || bytes === 0) return false;
    const learned = this.#pools.get(pool) ?? {
      bytes,
      tokens: promptTokens,
      told: atFirst,
      rates: new TokenRates(),
      comeback: 1,
      comebacks: 0,
    };
    this.#pools.set(pool, learned);
    learned.rates.learn(prompt, promptTokens);
    learned.bytes += share * (bytes - learned.bytes);
    learned.tokens += share * (promptTokens - learned.tokens);
    const mean = this.of(pool);
    const tells = Math.abs(mean - learned.told) > moved * learned.told;
    if (tells) learned.told = mean;
    return tells;
  }

  /** How many of an answer's tokens the next prompt finds again: a template that drops reasoning gives none of them back. */
  comebackOf(pool: string, answerTokens: number): number {
    return (this.#pools.get(pool)?.comeback ?? 1) * answerTokens;
  }

  /** Behind a known prompt whose answer had so many tokens, the cache held so many more. */
  learnComeback(pool: string, answerTokens: number, cachedTokens: number): void {
    const learned = this.#pools.get(pool);
    const seen = cachedTokens / answerTokens;
    // What lies far outside says that the engine has forgotten, or that somebody else has been there.
    if (learned === undefined || seen < -1 || seen > 2) return;
    const weight = Math.max(comebackShare, 1 / ++learned.comebacks);
    learned.comeback += weight * (Math.min(1, Math.max(0, seen)) - learned.comeback);
  }

  /** Forgets all pools but these. */
  keep(pools: ReadonlySet<string>): void {
    for (const pool of this.#pools.keys()) if (!pools.has(pool)) this.#pools.delete(pool);
  }
}
