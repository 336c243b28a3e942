import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';

/** HPKE (RFC 9180) base mode: X25519, HKDF-SHA-256, AES-256-GCM. */
const suite = (): CipherSuite =>
  new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

/** A secret that only the holder of the region's private key can read; both parts are base64url. */
export interface Sealed {
  enc: string;
  ct: string;
}

/** A new key pair as base64url raw keys: the public one goes to the API, the private one to the provisioner alone. */
export async function createSealKeys(): Promise<{ publicKey: string; privateKey: string }> {
  const { kem } = suite();
  const pair = await kem.generateKeyPair();
  return {
    publicKey: encode(await kem.serializePublicKey(pair.publicKey)),
    privateKey: encode(await kem.serializePrivateKey(pair.privateKey)),
  };
}

/** Seals `text`; `context` (the endpoint's id) must be given again to open it. */
export async function seal(text: string, context: string, publicKey: string): Promise<Sealed> {
  const hpke = suite();
  const recipientPublicKey = await hpke.kem.deserializePublicKey(decode(publicKey));
  const sender = await hpke.createSenderContext({ recipientPublicKey, info: bytes(context) });
  const ct = await sender.seal(bytes(text));
  return { enc: encode(sender.enc), ct: encode(ct) };
}

/** Opens what `seal` made. @throws when key or context do not fit or a byte was changed. */
export async function open(sealed: Sealed, context: string, privateKey: string): Promise<string> {
  const hpke = suite();
  const recipientKey = await hpke.kem.deserializePrivateKey(decode(privateKey));
  const recipient = await hpke.createRecipientContext({ recipientKey, enc: decode(sealed.enc), info: bytes(context) });
  return new TextDecoder().decode(await recipient.open(decode(sealed.ct)));
}

function bytes(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, 'utf8')).buffer;
}

function encode(value: ArrayBuffer | Uint8Array): string {
  return Buffer.from(value instanceof Uint8Array ? value : new Uint8Array(value)).toString('base64url');
}

function decode(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, 'base64url')).buffer;
}
