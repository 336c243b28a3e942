import { mediumBytes } from '../scan/block-chain.ts';
import type { PromptKeys } from '../scan/prefix-hash.ts';

/** Tokens per byte of tools, of the system prompt and of messages, and per medium: what 2026's tokenizers make of them. */
const atFirst = [0.25, 0.25, 0.25, 1000] as const;
/** How far off each may be at first, and how far it moves from answer to answer, as shares of it. */
const [spread, drift] = [1.5, 0.003] as const;
/** How far off the count of an answer is for other reasons, as a share of it, and tokens of a template at least. */
const [noise, noiseTokensMin] = [0.02, 20] as const;
/** What is further off than so many standard deviations counts as that far: one wrong count turns nothing over. */
const surpriseMax = 3;
/** Nobody's tokenizer makes more or less of a byte; a medium may be anything. */
const [tokensPerByteMin, tokensPerByteMax] = [1 / 16, 2] as const;

/** Tools, system prompt, messages in bytes; media as their number. */
type Amounts = readonly number[];

/**
 * How many tokens a pool's engines make of each kind of span, learned from how many they made of whole prompts: a Kalman
 * filter over the four rates, which may drift (Kalman 1960; random walk, scalar measurement).
 */
export class TokenRates {
  #rates: number[] = [...atFirst];
  /** Covariance of the rates. */
  #covariance: number[][] = atFirst.map((rate, i) => atFirst.map((_, j) => (i === j ? (spread * rate) ** 2 : 0)));

  /** Tokens of a prompt up to the end of a block; 0 for block -1. */
  tokensUpTo(prompt: PromptKeys, block: number): number {
    return dot(this.#rates, amountsUpTo(prompt, block));
  }

  /** The engine made so many tokens of a prompt. */
  learn(prompt: PromptKeys, tokens: number): void {
    const amounts = amountsUpTo(prompt, prompt.keys.length - 1);
    const covariance = this.#covariance.map((row, i) =>
      row.map((value, j) => (i === j ? value + (drift * (atFirst[i] ?? 0)) ** 2 : value)),
    );
    const spreads = covariance.map((row) => dot(row, amounts));
    const variance = dot(spreads, amounts) + Math.max(noiseTokensMin, noise * tokens) ** 2;
    const surprise = surpriseMax * Math.sqrt(variance);
    const missing = Math.min(surprise, Math.max(-surprise, tokens - dot(this.#rates, amounts)));
    this.#rates = this.#rates.map((rate, i) => bounded(rate + ((spreads[i] ?? 0) / variance) * missing, i));
    this.#covariance = covariance.map((row, i) =>
      row.map((value, j) => value - ((spreads[i] ?? 0) * (spreads[j] ?? 0)) / variance),
    );
  }
}

function amountsUpTo({ bytesUpTo, mediaUpTo, toolsBytes = 0, systemBytes = 0 }: PromptKeys, block: number): Amounts {
  const media = mediaUpTo?.[block] ?? 0;
  const text = (bytesUpTo[block] ?? 0) - mediumBytes * media;
  const tools = Math.min(text, toolsBytes);
  const system = Math.min(text - tools, systemBytes);
  return [tools, system, text - tools - system, media];
}

function bounded(rate: number, kind: number): number {
  const isMedia = kind === atFirst.length - 1;
  return isMedia ? Math.max(0, rate) : Math.min(tokensPerByteMax, Math.max(tokensPerByteMin, rate));
}

function dot(a: readonly number[], b: Amounts): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
