import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, isGood, issueCertificate } from './certificates.ts';
import type { TlsIdentity } from './tls-files.ts';

const now = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;
const hosts = ['*.fairway.example', 'fairway.example'];

describe('certificates', () => {
  let authority: TlsIdentity;
  let leaf: TlsIdentity;
  beforeAll(async () => {
    authority = await createAuthority('Fairway atl1', { now, lifetimeMs: 365 * dayMs });
    leaf = await issueCertificate(authority, hosts, { now, lifetimeMs: 30 * dayMs });
  });

  it('chain to their authority, are for their names, and for as long as was said', () => {
    const [ca, server] = [new X509Certificate(authority.cert), new X509Certificate(leaf.cert)];
    expect([ca.ca, server.ca]).toEqual([true, false]);
    expect(server.checkIssued(ca)).toBe(true);
    expect(server.checkHost('abc-private.fairway.example')).toBe('*.fairway.example');
    expect(server.checkHost('a.b.fairway.example')).toBeUndefined();
    expect(server.validToDate.getTime()).toBe(now + 30 * dayMs);
  });

  it('are good until little of their time is left, and for no other name or authority', async () => {
    const asked = { hosts, now, leftMs: 10 * dayMs };
    expect(isGood(leaf, authority, asked)).toBe(true);
    expect(isGood(leaf, authority, { ...asked, now: now + 21 * dayMs })).toBe(false);
    expect(isGood(leaf, authority, { ...asked, hosts: ['*.other.example'] })).toBe(false);
    expect(isGood({ cert: 'no certificate', key: '' }, authority, asked)).toBe(false);
    const other = await createAuthority('Fairway atl1', { now, lifetimeMs: 365 * dayMs });
    expect(isGood(leaf, other, asked)).toBe(false);
  });
});
