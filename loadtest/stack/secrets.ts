import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { formatToken } from '#shared/runtime/access-token.ts';
import { hasAuthority, makeAuthority, readAuthority } from '#shared/runtime/tls/authority-files.ts';
import { renewLeaf, wildcardOf } from '#shared/runtime/tls/leaf-files.ts';
import { createSealKeys } from '#shared/runtime/seal.ts';

/** Domain of endpoints, the default of API and provisioner: names below it lead to this machine. */
export const hostDomain = 'dedicated-inference.fairway.localhost';

const secretsSchema = z.object({
  apiToken: z.string(),
  regionKey: z.string(),
  provisionerKey: z.string(),
  sealPublicKey: z.string(),
  sealPrivateKey: z.string(),
  natsPassword: z.string(),
  redisPassword: z.string(),
});

/** Everything that is secret in one stack; made at its first start, kept with its state. */
export type StackSecrets = z.infer<typeof secretsSchema>;

/** Reads the secrets of a state folder, or makes and stores them (readable by the user alone). */
export async function loadSecrets(folder: string): Promise<StackSecrets> {
  const file = join(folder, 'secrets.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text !== undefined) return secretsSchema.parse(JSON.parse(text));
  const keys = await createSealKeys();
  const secrets: StackSecrets = {
    apiToken: formatToken('api', randomBytes(24)),
    regionKey: randomBytes(32).toString('base64url'),
    provisionerKey: randomBytes(32).toString('base64url'),
    sealPublicKey: keys.publicKey,
    sealPrivateKey: keys.privateKey,
    natsPassword: randomBytes(18).toString('base64url'),
    redisPassword: randomBytes(18).toString('base64url'),
  };
  await writeFile(file, JSON.stringify(secrets), { mode: 0o600 });
  return secrets;
}

/** Where a stack has its certificate authority, and the certificate of its routers. */
export function certificateFolders(folder: string): { authority: string; leaf: string } {
  return { authority: join(folder, 'ca'), leaf: join(folder, 'leaf') };
}

/** Makes both where they are missing, so that routers need not wait for a provisioner. */
export async function makeCertificates(folder: string, now: number): Promise<void> {
  const { authority, leaf } = certificateFolders(folder);
  if (!(await hasAuthority(authority))) await makeAuthority(authority, 'Fairway development', now);
  const { signer } = await readAuthority(authority);
  await renewLeaf(leaf, signer, { hosts: [wildcardOf(hostDomain)], now });
}
