import { createHash, createHmac, hkdfSync, type KeyObject } from 'node:crypto';

/** A key of HMAC-SHA-256: bytes, or for many hashes the object made of them once, which is four times as fast. */
export type HashKey = Uint8Array | KeyObject;

/** HMAC-SHA-256 of a text as lower-case hex: how tokens are stored and looked up. */
export function keyedHash(key: HashKey, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/** HMAC-SHA-256 as bytes. */
export function keyedBytes(key: HashKey, text: string): Uint8Array {
  return createHmac('sha256', key).update(text).digest();
}

/** SHA-256 as lower-case hex, for public digests (body hashes, name hashes). */
export function digest(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A 32-byte key for one purpose, derived from a root key (HKDF-SHA-256, RFC 5869). */
export function deriveKey(root: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', root, new Uint8Array(0), purpose, 32));
}
