import { createSecretKey } from 'node:crypto';
import type { SealedRequest } from '#shared/contract/deployment.ts';
import type { SealedSecret } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { idFromHash, type Region } from '#shared/contract/ids.ts';
import { formatToken } from '#shared/runtime/access-token.ts';
import { deriveKey, digest, keyedBytes, keyedHash, type HashKey } from '#shared/runtime/keyed-hash.ts';
import { seal } from '#shared/runtime/seal.ts';

/** A data-plane token: its value is shown once and stored nowhere, its hash is what routers get. */
export interface NewToken {
  tokenId: string;
  value: string;
  hash: string;
}

/** Whatever derives from the region's secrets, the same at every process. */
export class RegionKeys {
  readonly #region: Region;
  /** What secrets are sealed to. */
  readonly sealingKey: { keyId: string; publicKey: string };
  readonly #tokenHash: HashKey;
  readonly #firstToken: HashKey;
  readonly #idempotency: HashKey;

  /** `root` is the region's root key: one key per purpose derives from it; routers get that of token hashes alone. */
  constructor(region: Region, root: Uint8Array, sealPublicKey: string) {
    this.#region = region;
    this.sealingKey = { keyId: digest(sealPublicKey).slice(0, 16), publicKey: sealPublicKey };
    const key = (purpose: string): HashKey => createSecretKey(deriveKey(root, purpose));
    this.#tokenHash = key('access-token-hash');
    this.#firstToken = key('first-token');
    this.#idempotency = key('idempotency');
  }

  /** An id for a text. */
  derivedId(text: string): string {
    return idFromHash(this.#region, keyedBytes(this.#idempotency, text));
  }

  /** What a request asks: equal requests have equal hashes, and a secret inside cannot be searched for. */
  requestHash(operation: string, content: unknown): string {
    return keyedHash(this.#idempotency, `${operation}\0${JSON.stringify(content)}`);
  }

  /**
   * The first token of an endpoint: the same stored intent gets the same one again. An intent id may come back (an
   * Idempotency-Key that is used again when the tombstone has gone), the time at which the intent was stored does not: a
   * token that was revoked once stays so.
   */
  firstToken({ intentId, at }: { intentId: string; at: number }): NewToken {
    return this.#token(`${intentId}\0${at}`);
  }

  /** A further token of an endpoint: as the first one. An Idempotency-Key may be used at several endpoints. */
  laterToken(endpointId: string, { intentId, at }: { intentId: string; at: number }): NewToken {
    return this.#token(`${endpointId}\0${intentId}\0${at}`);
  }

  #token(origin: string): NewToken {
    const value = formatToken('access', keyedBytes(this.#firstToken, origin));
    return { tokenId: this.derivedId(`token\0${origin}`), value, hash: keyedHash(this.#tokenHash, value) };
  }

  /**
   * A secret that only the region's provisioner can open: sealed for this endpoint, or taken over as its client has sealed it.
   * @throws AppError `unprocessable` when that was done with another key.
   */
  async seal(secret: string | SealedRequest, endpointId: string): Promise<SealedSecret> {
    const { keyId, publicKey } = this.sealingKey;
    if (typeof secret === 'string') return seal(secret, endpointId, publicKey);
    const { key_id: usedKeyId, enc, ct } = secret;
    if (usedKeyId === keyId) return { enc, ct, by: 'client' };
    const message = `is not the key of this region, which is ${keyId}: ask for the sealing key again, and seal anew`;
    throw new AppError('unprocessable', {
      problems: [{ path: 'access_tokens.sealed_hugging_face_token.key_id', message }],
    });
  }
}
