import { generateKeyPair, randomBytes, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import forge from 'node-forge';
import type { TlsIdentity } from './tls-files.ts';

/** Lifetimes in milliseconds; `now` is in milliseconds since the epoch. */
export interface Validity {
  now: number;
  lifetimeMs: number;
}

/** Clocks that are behind ours take a certificate, too, up to here. */
const clockSkewMs = 5 * 60_000;

/** A private key and the self-signed certificate of an authority that may sign servers' certificates, and nothing else. */
export async function createAuthority(name: string, validity: Validity): Promise<TlsIdentity> {
  const { publicKey, privateKey } = await newKeys();
  const subject = [{ name: 'commonName', value: name }];
  const cert = signed(publicKey, { subject, issuer: subject, validity, key: privateKey }, [
    { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  return { cert, key: privateKey };
}

/** A server's private key and its certificate for `hosts` (DNS names; `*.` for one label), signed by the authority. */
export async function issueCertificate(
  authority: TlsIdentity,
  hosts: readonly string[],
  validity: Validity,
): Promise<TlsIdentity> {
  const { publicKey, privateKey } = await newKeys();
  const issuer = forge.pki.certificateFromPem(authority.cert);
  const cert = signed(publicKey, { subject: [], issuer: issuer.subject.attributes, validity, key: authority.key }, [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    // Without a subject the names must be critical (RFC 5280, §4.2.1.6).
    { name: 'subjectAltName', altNames: hosts.map((value) => ({ type: 2, value })), critical: true },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes() },
  ]);
  return { cert, key: privateKey };
}

/** Whether a certificate is signed by the authority, is for all of `hosts`, and has at least `leftMs` to go. */
export function isGood(
  { cert }: TlsIdentity,
  authority: TlsIdentity,
  { hosts, now, leftMs }: { hosts: readonly string[]; now: number; leftMs: number },
): boolean {
  try {
    const [leaf, issuer] = [new X509Certificate(cert), new X509Certificate(authority.cert)];
    const names = new Set(leaf.subjectAltName?.split(', '));
    const forAll = hosts.every((host) => names.has(`DNS:${host}`));
    return forAll && leaf.verify(issuer.publicKey) && leaf.validToDate.getTime() - now >= leftMs;
  } catch {
    return false; // What cannot be read is no good.
  }
}

function signed(
  publicKey: string,
  by: {
    subject: forge.pki.CertificateField[];
    issuer: forge.pki.CertificateField[];
    validity: Validity;
    key: string;
  },
  extensions: object[],
): string {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  // Positive and at most 20 bytes long, 127 random bits (RFC 5280, §4.1.2.2).
  certificate.serialNumber = `4${randomBytes(16).toString('hex').slice(1)}`;
  certificate.validity.notBefore = new Date(by.validity.now - clockSkewMs);
  certificate.validity.notAfter = new Date(by.validity.now + by.validity.lifetimeMs);
  certificate.setSubject(by.subject);
  certificate.setIssuer(by.issuer);
  certificate.setExtensions(extensions);
  certificate.sign(forge.pki.privateKeyFromPem(by.key), forge.md.sha256.create());
  return forge.pki.certificateToPem(certificate).replaceAll('\r', '');
}

/** RSA: what every client of today takes. */
function newKeys(): Promise<{ publicKey: string; privateKey: string }> {
  return promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
