import { scramble } from '#shared/runtime/seeded-random.ts';
import { mediumBytes } from './block-chain.ts';
import { hashText } from './hash64.ts';
import type { ScannedBody, ScannedSpan } from './scanned-body.ts';

/** What separates caches: equal prompts under different salts share nothing. */
export interface PromptSalt {
  /** The isolation group of the token (G9). */
  readonly cacheNamespace: string;
  readonly model: string;
  readonly adapter?: string;
  /** The last key of the prompt that this one goes on from: its messages follow that one's. */
  readonly after?: bigint;
}

/** The prompt as keys of its prefixes, in prompt order. The lists have one entry per block. */
export interface PromptKeys {
  /** 64-bit key per block; equal means that everything up to the end of the block is equal, salt included. */
  readonly keys: BigUint64Array;
  /** Bytes of the prompt up to the end of each block; a medium counts as `mediumBytes`. */
  readonly bytesUpTo: Float64Array;
  /** How many of them are tools and system prompt, which stand before the messages; left out: none. */
  readonly toolsBytes?: number;
  readonly systemBytes?: number;
  /** Media up to the end of each block; left out: none. */
  readonly mediaUpTo?: Float64Array;
  /** The block that ends with the first user message; -1 if the prompt has none. */
  readonly firstUserEnd: number;
  /** The last block of the prompt that this one goes on from. */
  readonly after?: bigint;
}

/**
 * Puts the spans of a scan into prompt order and mixes what stands before a span into its keys:
 * key(block i) = mix(salt, template, tools, system, hash i). All tools together are one block. A prompt that goes on from
 * another one is its messages alone: tools and system prompt stand before that one's.
 */
export function prefixHashes(scan: ScannedBody, salt: PromptSalt): PromptKeys {
  const { after } = salt;
  const isBlock = ({ kind }: ScannedSpan): boolean =>
    kind !== 'template' && (after === undefined || kind === 'messages');
  let before = after ?? saltHash(salt);
  for (const span of scan.spans.filter((one) => !isBlock(one))) before = mixLast(span, before);

  const prompt = scan.spans.filter(isBlock);
  const blocks = prompt.reduce((sum, { kind, ends }) => sum + (kind === 'tools' ? 1 : ends.length), 0);
  const keys = new BigUint64Array(blocks);
  let firstUserEnd = -1;
  let at = 0;
  for (const span of prompt) {
    if (span.kind === 'tools') {
      before = mixLast(span, before);
      keys[at++] = before;
      continue;
    }
    if (firstUserEnd < 0 && span.firstUserEnd >= 0) firstUserEnd = at + span.firstUserEnd;
    keys.set(span.hashes, at);
    mix(keys.subarray(at, at + span.hashes.length), before);
    at += span.hashes.length;
    before = keys[at - 1] ?? before;
  }
  return { keys, ...sizesOf(prompt, blocks), firstUserEnd, ...(after !== undefined && { after }) };
}

function sizesOf(
  prompt: readonly ScannedSpan[],
  blocks: number,
): Required<Pick<PromptKeys, 'bytesUpTo' | 'mediaUpTo' | 'toolsBytes' | 'systemBytes'>> {
  const bytesUpTo = new Float64Array(blocks);
  const mediaUpTo = new Float64Array(blocks);
  const textOf = { template: 0, tools: 0, system: 0, messages: 0 };
  let [at, bytes, media] = [0, 0, 0];
  for (const { kind, ends, media: counts } of prompt) {
    for (let block = kind === 'tools' ? ends.length - 1 : 0; block < ends.length; block++, at++) {
      mediaUpTo[at] = media + (counts[block] ?? 0);
      bytesUpTo[at] = bytes + (ends[block] ?? 0) + mediumBytes * (counts[block] ?? 0);
    }
    textOf[kind] += ends.at(-1) ?? 0;
    bytes = bytesUpTo[at - 1] ?? 0;
    media = mediaUpTo[at - 1] ?? 0;
  }
  return { bytesUpTo, mediaUpTo, toolsBytes: textOf.tools, systemBytes: textOf.system };
}

function saltHash(salt: PromptSalt): bigint {
  return hashText(JSON.stringify([salt.cacheNamespace, salt.model, salt.adapter ?? '']), 0n);
}

/** Names the span, so that the same text as another member gives another key. */
function mixLast(span: ScannedSpan, seed: bigint): bigint {
  const last = BigUint64Array.of(span.hashes.at(-1) ?? 0n);
  mix(last, hashText(span.key, seed));
  return last[0] ?? seed;
}

/**
 * Mixes each hash with the same seed, in place: two rounds of a Feistel network over its halves, so that different hashes
 * stay different. In words of 32 bits, since 16,000 blocks by bigints take two milliseconds.
 */
function mix(hashes: BigUint64Array, seed: bigint): void {
  const words = new Uint32Array(hashes.buffer, hashes.byteOffset, hashes.length * 2);
  const [seedLow, seedHigh] = [Number(seed & 0xffff_ffffn), Number(seed >> 32n)];
  for (let i = 0; i < words.length; i += 2) {
    const high = (words[i + 1] ?? 0) ^ scramble((words[i] ?? 0) ^ seedLow);
    words[i] = (words[i] ?? 0) ^ scramble(high ^ seedHigh);
    words[i + 1] = high;
  }
}
