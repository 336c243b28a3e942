import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { proofPrefix } from '#shared/contract/replica.ts';
import { prefixSaltOf, proofKeyOf, signProof, upstreamKeyOf } from './proof-key.ts';

const root = new Uint8Array(32).fill(7);
const pool = '00000000-0000-8000-8000-000000000001';

describe('proof keys', () => {
  it('are the same at every provisioner and differ by pool', () => {
    expect(proofKeyOf(root, pool).publicKey).toBe(proofKeyOf(root, pool).publicKey);
    expect(proofKeyOf(root, pool).publicKey).not.toBe(proofKeyOf(root, pool.replace('1', '2')).publicKey);
    expect(upstreamKeyOf(root, pool)).not.toBe(upstreamKeyOf(new Uint8Array(32), pool));
    expect(prefixSaltOf(root, pool)).not.toBe(prefixSaltOf(new Uint8Array(32), pool));
    expect(prefixSaltOf(root, pool)).not.toBe(upstreamKeyOf(root, pool));
  });

  it('sign what the published half verifies', () => {
    const key = proofKeyOf(root, pool);
    const payload = { endpointId: pool, pool, specRevision: 3, replicaId: null, expiresAt: 1 };
    const [text = '', signature = ''] = signProof(payload, key.privateKey).slice(proofPrefix.length).split('.');
    const published = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.publicKey }, format: 'jwk' });
    expect(JSON.parse(Buffer.from(text, 'base64url').toString())).toEqual(payload);
    expect(verify(null, Buffer.from(text), published, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(verify(null, Buffer.from(`${text}x`), published, Buffer.from(signature, 'base64url'))).toBe(false);
  });
});
