import { PrefixChain } from '#loadtest/workload/prefix-chain.ts';
import type { PromptPart, Turn } from '#loadtest/workload/turn.ts';
import type { PromptKeys } from '../../router/scan/prefix-hash.ts';
import { defaultScanLimits } from '../../router/scan/body-rules.ts';
import { bytesOf, messageBytes } from './text-length.ts';

const { blockBytes } = defaultScanLimits;

/** A prompt as the router scans it and as the engine caches it. */
export interface WrittenTurn {
  readonly prompt: PromptKeys;
  readonly bytes: number;
  /** Of each whole block of prompt and answer. */
  readonly kvBlocks: readonly number[];
}

/**
 * One version of a conversation, written for the router as keys of blocks of bytes, cut as `router/scan` cuts them (every
 * 1,024 bytes and at the end of each message; all tools are one block), and for the engine as hashes of KV blocks. Nothing is
 * written twice: turns are views of what has grown.
 */
export class WrittenConversation {
  readonly #kvBlockTokens: number;
  readonly #chain = new PrefixChain();
  #keys = new BigUint64Array(64);
  #bytesUpTo = new Float64Array(64);
  #blocks = 0;
  #bytes = 0;
  /** Bytes of the block under way. */
  #fill = 0;
  #toolsBytes = 0;
  #firstUserEnd = -1;
  #parts = 0;
  readonly #kvChain = new PrefixChain();
  readonly #kvBlocks: number[] = [];
  #kvFill = 0;

  constructor(kvBlockTokens: number) {
    this.#kvBlockTokens = kvBlockTokens;
  }

  /** Writes what the turn adds. */
  take({ parts, answer }: Turn): WrittenTurn {
    for (const part of parts.slice(this.#parts)) {
      this.#write(part);
      // What the model has said is in its cache already.
      if (part.kind !== 'answer') this.#writeKv(part);
    }
    this.#parts = parts.length;
    this.#writeKv(answer);
    const prompt: PromptKeys = {
      keys: this.#keys.subarray(0, this.#blocks),
      bytesUpTo: this.#bytesUpTo.subarray(0, this.#blocks),
      toolsBytes: this.#toolsBytes,
      firstUserEnd: this.#firstUserEnd,
    };
    return { prompt, bytes: this.#bytes, kvBlocks: this.#kvBlocks };
  }

  #write(part: PromptPart): void {
    const { kind, id } = part;
    this.#chain.mix(id);
    let left = bytesOf(part) + messageBytes;
    this.#bytes += left;
    if (kind === 'tools') {
      this.#toolsBytes = left;
      return this.#cut(this.#bytes);
    }
    for (; this.#fill + left >= blockBytes; this.#fill = 0) {
      left -= blockBytes - this.#fill;
      this.#cut(this.#bytes - left);
    }
    this.#fill += left;
    // The question is a part of the same message.
    if (kind === 'repository') return;
    if (this.#fill > 0) this.#cut(this.#bytes);
    this.#fill = 0;
    if (kind !== 'system' && this.#firstUserEnd < 0) this.#firstUserEnd = this.#blocks - 1;
  }

  #cut(bytes: number): void {
    if (this.#blocks === this.#keys.length) {
      // Earlier turns keep the old ones, which say the same.
      const [keys, bytesUpTo] = [this.#keys, this.#bytesUpTo];
      this.#keys = new BigUint64Array(2 * keys.length);
      this.#keys.set(keys);
      this.#bytesUpTo = new Float64Array(2 * keys.length);
      this.#bytesUpTo.set(bytesUpTo);
    }
    this.#chain.mix(0);
    const words = new Uint32Array(this.#keys.buffer);
    words[2 * this.#blocks] = this.#chain.low;
    words[2 * this.#blocks + 1] = this.#chain.high;
    this.#bytesUpTo[this.#blocks] = bytes;
    this.#blocks += 1;
  }

  #writeKv({ id, tokens }: PromptPart): void {
    this.#kvChain.mix(id);
    this.#kvFill += tokens;
    for (; this.#kvFill >= this.#kvBlockTokens; this.#kvFill -= this.#kvBlockTokens) {
      this.#kvChain.mix(0);
      // Small integers are the fastest keys of a Map; of 2^30 a few that are equal by chance change no figure.
      this.#kvBlocks.push(this.#kvChain.low >>> 2);
    }
  }
}
