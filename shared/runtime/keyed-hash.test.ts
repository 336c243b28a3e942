import { describe, expect, it } from 'vitest';
import { deriveKey, digest, keyedBytes, keyedHash } from './keyed-hash.ts';

describe('keyed hashes', () => {
  it('are HMAC-SHA-256 (RFC 4231, test case 2)', () => {
    const hash = keyedHash(Buffer.from('Jefe'), 'what do ya want for nothing?');
    expect(hash).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
    expect(Buffer.from(keyedBytes(Buffer.from('Jefe'), 'what do ya want for nothing?')).toString('hex')).toBe(hash);
  });

  it('differ by key and by text', () => {
    const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    expect(new Set([keyedHash(one, 'a'), keyedHash(two, 'a'), keyedHash(one, 'b')]).size).toBe(3);
  });
});

it('a digest is SHA-256 (FIPS 180-4, "abc"), of texts and bytes alike', () => {
  expect(digest('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(digest(Buffer.from('abc'))).toBe(digest('abc'));
});

it('a derived key has 32 bytes, is the same each time, and differs by root and purpose', () => {
  const root = new Uint8Array(32).fill(7);
  expect(deriveKey(root, 'a')).toHaveLength(32);
  expect(deriveKey(root, 'a')).toEqual(deriveKey(root, 'a'));
  expect(deriveKey(root, 'a')).not.toEqual(deriveKey(root, 'b'));
  expect(deriveKey(root, 'a')).not.toEqual(deriveKey(new Uint8Array(32).fill(8), 'a'));
});
