import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, issueCertificate } from '#shared/runtime/tls/certificates.ts';
import type { TlsFiles } from '#shared/runtime/tls/tls-files.ts';

/** A certificate for `localhost`, its key, and the authority that has signed it. */
export interface LocalTls extends TlsFiles {
  readonly authorityFile: string;
}

const dayMs = 86_400_000;

/** Writes new ones into a folder. */
export async function writeLocalTls(folder: string): Promise<LocalTls> {
  const validity = { now: Date.now(), lifetimeMs: dayMs };
  const authority = await createAuthority('hot path', validity);
  const { cert, key } = await issueCertificate(authority, ['localhost'], validity);
  const files = {
    certFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
    authorityFile: join(folder, 'authority.pem'),
  };
  await writeFile(files.certFile, cert);
  await writeFile(files.keyFile, key);
  await writeFile(files.authorityFile, authority.cert);
  return files;
}

/** The environment of a process that trusts it. */
export function trusting(tls: LocalTls | undefined): Record<string, string> {
  return tls === undefined ? {} : { NODE_EXTRA_CA_CERTS: tls.authorityFile };
}
