import { createPublicKey, verify } from 'node:crypto';
import {
  proofPayloadSchema,
  proofPrefix,
  proofTtlMs,
  type PoolDocument,
  type ProofPayload,
} from '#shared/contract/replica.ts';

/** Longest credential that is looked at. */
const lengthMax = 2048;

/** True for text that wants to be a probe credential. */
export function isProof(text: string): boolean {
  return text.startsWith(proofPrefix);
}

/**
 * Checks a probe credential against the pool that it names: `fairwayproof_<payload>.<signature>`, Ed25519 over the
 * encoded payload as it stands, not expired and not good for longer than a credential may be (clocks differ a little).
 * @returns what it says and its pool, or undefined when anything does not fit.
 */
export function verifyProof(
  text: string,
  poolOf: (pool: string) => PoolDocument | undefined,
  now: number,
): { payload: ProofPayload; pool: PoolDocument } | undefined {
  if (text.length > lengthMax || !isProof(text)) return undefined;
  const [encoded, signature, ...rest] = text.slice(proofPrefix.length).split('.');
  if (encoded === undefined || signature === undefined || rest.length > 0) return undefined;
  const payload = readPayload(encoded);
  if (payload === undefined || payload.expiresAt <= now || payload.expiresAt > now + 2 * proofTtlMs) return undefined;
  const pool = poolOf(payload.pool);
  if (pool === undefined || pool.endpointId !== payload.endpointId) return undefined;
  return signatureFits(encoded, signature, pool.proofKey) ? { payload, pool } : undefined;
}

function readPayload(encoded: string): ProofPayload | undefined {
  try {
    return proofPayloadSchema.parse(JSON.parse(Buffer.from(encoded, 'base64url').toString()));
  } catch {
    return undefined;
  }
}

function signatureFits(encoded: string, signature: string, proofKey: string): boolean {
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: proofKey }, format: 'jwk' });
    return verify(null, Buffer.from(encoded), key, Buffer.from(signature, 'base64url'));
  } catch {
    return false;
  }
}
