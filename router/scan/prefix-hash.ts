import { hashBytes, hashText } from './hash64.ts';
import type { ScannedBody, ScannedSpan } from './scanned-body.ts';

/** What separates caches: equal prompts under different salts share nothing. */
export interface PromptSalt {
  /** The isolation group of the token (G9). */
  readonly cacheNamespace: string;
  readonly model: string;
  readonly adapter?: string;
}

/** The prompt as keys of its prefixes, in prompt order. The lists have one entry per block. */
export interface PromptKeys {
  /** 64-bit key per block; equal means that everything up to the end of the block is equal, salt included. */
  readonly keys: BigUint64Array;
  /** Hashed bytes of the prompt up to the end of each block. */
  readonly bytesUpTo: Float64Array;
  /** The block that ends with the first user message; -1 if the prompt has none. */
  readonly firstUserEnd: number;
}

/**
 * Puts the spans of a scan into prompt order and mixes what stands before a span into its keys:
 * key(block i) = mix(salt, template, tools, system, hash i). All tools together are one block.
 */
export function prefixHashes(scan: ScannedBody, salt: PromptSalt): PromptKeys {
  let before = saltHash(salt);
  for (const span of scan.spans.filter(({ kind }) => kind === 'template')) before = mixLast(span, before);

  const keys: bigint[] = [];
  const bytesUpTo: number[] = [];
  let firstUserEnd = -1;
  for (const span of scan.spans) {
    if (span.kind === 'template') continue;
    const offset = bytesUpTo.at(-1) ?? 0;
    if (span.kind === 'tools') {
      before = mixLast(span, before);
      keys.push(before);
      bytesUpTo.push(offset + (span.ends.at(-1) ?? 0));
      continue;
    }
    if (firstUserEnd < 0 && span.firstUserEnd >= 0) firstUserEnd = keys.length + span.firstUserEnd;
    const mixed = mix(BigUint64Array.from(span.hashes), before);
    for (const [i, key] of mixed.entries()) {
      keys.push(key);
      bytesUpTo.push(offset + (span.ends[i] ?? 0));
    }
    before = keys.at(-1) ?? before;
  }
  return { keys: BigUint64Array.from(keys), bytesUpTo: Float64Array.from(bytesUpTo), firstUserEnd };
}

function saltHash(salt: PromptSalt): bigint {
  return hashText(JSON.stringify([salt.cacheNamespace, salt.model, salt.adapter ?? '']), 0n);
}

/** Names the span, so that the same text as another member gives another key. */
function mixLast(span: ScannedSpan, seed: bigint): bigint {
  return mix(BigUint64Array.of(span.hashes.at(-1) ?? 0n), hashText(span.key, seed))[0] ?? seed;
}

/** Mixes each hash with the same seed. */
function mix(hashes: BigUint64Array, seed: bigint): BigUint64Array {
  const bytes = new Uint8Array(hashes.buffer);
  return hashes.map((_, i) => hashBytes(bytes.subarray(i * 8, i * 8 + 8), seed));
}
