import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { formatToken } from '#shared/runtime/access-token.ts';
import { createSealKeys } from '#shared/runtime/seal.ts';

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
