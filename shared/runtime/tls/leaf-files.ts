import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isGood, issueCertificate } from './certificates.ts';
import { readTlsFiles, type TlsFiles, type TlsIdentity } from './tls-files.ts';

/** A router's certificate is good for so long, and renewed when a third of it is left. */
const lifetimeMs = 30 * 86_400_000;

/** Where a folder has a router's certificate and key. */
export function leafFiles(dir: string): TlsFiles {
  return { certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') };
}

/** Whom a router's certificate is for, and the time. */
export interface LeafTerms {
  hosts: readonly string[];
  now: number;
}

/** A router's certificate in place of the present one; null while that will do for a while. */
export async function nextLeaf(
  present: TlsIdentity | undefined,
  signer: TlsIdentity,
  { hosts, now }: LeafTerms,
): Promise<TlsIdentity | null> {
  if (present !== undefined && isGood(present, signer, { hosts, now, leftMs: lifetimeMs / 3 })) return null;
  return issueCertificate(signer, hosts, { now, lifetimeMs });
}

/** Issues the certificate in a folder anew, unless the one that is there will do for a while. True when it did. */
export async function renewLeaf(dir: string, signer: TlsIdentity, terms: LeafTerms): Promise<boolean> {
  const { certFile, keyFile } = leafFiles(dir);
  const present = await readTlsFiles({ certFile, keyFile }).catch(() => undefined);
  const leaf = await nextLeaf(present, signer, terms);
  if (leaf === null) return false;
  await mkdir(dir, { recursive: true });
  // Whoever reads between the two finds that they do not belong together, and looks again.
  await replace(keyFile, leaf.key);
  await replace(certFile, leaf.cert);
  return true;
}

/** Names of routers' certificates: whatever is one label below the parent of the endpoints' domain. */
export function wildcardOf(hostDomain: string): string {
  return `*.${hostDomain.slice(hostDomain.indexOf('.') + 1)}`;
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
