import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { proofPrefix, type ProofPayload } from '#shared/contract/replica.ts';
import { keyedBytes } from '#shared/runtime/keyed-hash.ts';

/** DER of a PKCS#8 Ed25519 private key up to its 32-byte seed. Source: RFC 8410 §7. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** What a pool's probe credentials are signed with, and the public half that routers get. */
export interface ProofKey {
  privateKey: KeyObject;
  /** Raw 32 bytes, base64url. */
  publicKey: string;
}

/** The same key at every provisioner: its seed is derived from the provisioners' root key and the pool's id. */
export function proofKeyOf(provisionerKey: Uint8Array, pool: string): ProofKey {
  const seed = keyedBytes(provisionerKey, `proof:${pool}`);
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return { privateKey, publicKey: x ?? '' };
}

/** The API key of a pool's engines, likewise derived: base64url of 32 bytes. */
export function upstreamKeyOf(provisionerKey: Uint8Array, pool: string): string {
  return Buffer.from(keyedBytes(provisionerKey, `upstream:${pool}`)).toString('base64url');
}

/** The secret that a pool's routers salt prefix keys with, likewise derived: base64url of 32 bytes. */
export function prefixSaltOf(provisionerKey: Uint8Array, pool: string): string {
  return Buffer.from(keyedBytes(provisionerKey, `prefix:${pool}`)).toString('base64url');
}

/** Writes a probe credential. */
export function signProof(payload: ProofPayload, key: KeyObject): string {
  const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
  return `${proofPrefix}${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}
