import { describe, expect, it } from 'vitest';
import { authenticate, requireScope } from './authenticate.ts';
import type { ApiTokenDocument } from '#shared/contract/identity.ts';

const now = Date.UTC(2026, 10, 22);
const document: ApiTokenDocument = {
  v: 1,
  tokenId: 't',
  team: 'alpha',
  scopes: ['dedicated_inference:read'],
  expiresAt: null,
  revoked: false,
};
const who = (authorization: string | undefined, parts: Partial<ApiTokenDocument> = {}) =>
  authenticate(authorization, (token) => (token === 'good' ? { ...document, ...parts } : undefined), now);

describe('authentication', () => {
  it('knows a bearer token', () => {
    expect(who('Bearer good')).toEqual({ tokenId: 't', team: 'alpha', scopes: ['dedicated_inference:read'] });
    expect(who('bearer  good').team).toBe('alpha');
    expect(who('Bearer good', { expiresAt: new Date(now + 1).toISOString() }).team).toBe('alpha');
  });

  it.each([
    undefined,
    '',
    'good',
    'Basic good',
    'Bearer',
    'Bearer bad',
    'Bearer good more',
    `Bearer ${'x'.repeat(600)}`,
  ])('refuses %s', (authorization) => {
    expect(() => who(authorization)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
  });

  it('refuses a token that is revoked or has expired', () => {
    for (const end of [{ revoked: true }, { expiresAt: new Date(now).toISOString() }, { expiresAt: 'never' }])
      expect(() => who('Bearer good', end)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
  });

  it('asks for the scope', () => {
    const principal = who('Bearer good');
    expect(() => requireScope(principal, 'dedicated_inference:read')).not.toThrow();
    expect(() => requireScope(principal, 'dedicated_inference:delete')).toThrow(
      expect.objectContaining({ code: 'forbidden' }),
    );
  });
});
