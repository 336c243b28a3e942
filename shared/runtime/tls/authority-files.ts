import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../config-error.ts';
import { createAuthority, type Validity } from './certificates.ts';
import { readTlsFiles, type TlsIdentity } from './tls-files.ts';

/** The authority of a region: who signs now, and every certificate (PEM) that clients should trust, the signer's first. */
export interface RegionAuthority {
  signer: TlsIdentity;
  published: readonly string[];
}

/** How long an authority is good for, milliseconds: ten years. */
const lifetimeMs = 10 * 365 * 86_400_000;

/** Files of the folder. What is `next` signs after the next step, what is `previous` is only trusted. */
const files = (dir: string) => ({
  cert: join(dir, 'ca.pem'),
  key: join(dir, 'ca-key.pem'),
  nextCert: join(dir, 'next.pem'),
  nextKey: join(dir, 'next-key.pem'),
  previous: join(dir, 'previous.pem'),
});

/** Reads the authority in a folder. @throws ConfigError when there is none, or its key is another one's. */
export async function readAuthority(dir: string): Promise<RegionAuthority> {
  const { cert, key, nextCert, previous } = files(dir);
  const signer = await readTlsFiles({ certFile: cert, keyFile: key });
  const others = await Promise.all([nextCert, previous].map((file) => unlessMissing(readFile(file, 'utf8'))));
  return { signer, published: [signer.cert, ...others.filter((text) => text !== undefined)] };
}

/** Whether a folder has one. */
export function hasAuthority(dir: string): Promise<boolean> {
  return isThere(files(dir).cert);
}

/** Makes the first authority in a folder that has none. @throws ConfigError when it has one. */
export async function makeAuthority(dir: string, name: string, now: number): Promise<void> {
  const { cert, key } = files(dir);
  if (await isThere(cert)) throw new ConfigError(`${cert} is there already: "ca rotate" makes another authority.`);
  await mkdir(dir, { recursive: true });
  await write(await createAuthority(name, { now, lifetimeMs }), { cert, key });
}

/**
 * Takes the next step of a rotation, each of which may be repeated after it was interrupted: `published` (another
 * authority is shown beside the one that signs), `changed` (it signs from now on, the old one is still shown), `retired`
 * (the old one is shown no more). @throws ConfigError when there is no authority.
 */
export async function rotateAuthority(
  dir: string,
  name: string,
  now: Validity['now'],
): Promise<'published' | 'changed' | 'retired'> {
  const { cert, key, nextCert, nextKey, previous } = files(dir);
  if (!(await isThere(cert))) throw new ConfigError(`${cert} is not there: "ca make" makes the first authority.`);
  if (await isThere(nextCert)) {
    // Without its key it has begun to sign: only the last name is left to be changed.
    if (await isThere(nextKey)) {
      await writeFile(previous, await readFile(cert));
      await rename(nextKey, key);
    }
    await rename(nextCert, cert);
    return 'changed';
  }
  if (await isThere(previous)) {
    await rm(previous);
    return 'retired';
  }
  await write(await createAuthority(name, { now, lifetimeMs }), { cert: nextCert, key: nextKey });
  return 'published';
}

/** The key first: a certificate without one would be taken for a finished step. */
async function write(identity: TlsIdentity, to: { cert: string; key: string }): Promise<void> {
  await writeFile(to.key, identity.key, { mode: 0o600 });
  await writeFile(to.cert, identity.cert);
}

/** What is there and cannot be read is no reason to go on without it: clients would stop trusting what they should. */
async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function isThere(file: string): Promise<boolean> {
  return (await unlessMissing(stat(file))) !== undefined;
}
