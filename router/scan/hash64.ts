import createXxhash from 'xxhash-wasm';

const xxhash = await createXxhash();

/**
 * 64-bit xxHash of `bytes`, chained by `seed`. Not collision-resistant against an adversary: its results only ever
 * steer where a request goes, never what a client may see.
 */
export function hashBytes(bytes: Uint8Array, seed: bigint): bigint {
  return xxhash.h64Raw(bytes, seed);
}

/** 64-bit xxHash of the UTF-8 bytes of `text`. */
export function hashText(text: string, seed: bigint): bigint {
  return xxhash.h64(text, seed);
}
