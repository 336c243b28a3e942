import { describe, expect, it } from 'vitest';
import { readApiToken } from './api-tokens.ts';

const document = {
  v: 1,
  tokenId: 't',
  team: 'alpha',
  scopes: ['dedicated_inference:read'],
  expiresAt: null,
  revoked: false,
};

describe('a document of an API token', () => {
  it('is read', () => {
    expect(readApiToken(document)).toEqual(document);
  });

  it('loses the scopes that this version does not know, and keeps the others', () => {
    const scopes = ['dedicated_inference:budget', 'dedicated_inference:read'];
    expect(readApiToken({ ...document, scopes })).toEqual(document);
    expect(readApiToken({ ...document, scopes: 'all' })?.scopes).toEqual([]);
  });

  it('has its scopes in both of DigitalOcean’s spellings', () => {
    const scopes = ['dedicated_inference_token:create', 'dedicated_inference_tokens:read'];
    expect(readApiToken({ ...document, scopes })?.scopes).toEqual([
      'dedicated_inference_tokens:create',
      'dedicated_inference_tokens:read',
    ]);
  });

  it.each([
    ['plainly', { revoked: true }],
    ['beside a scope that is not known', { revoked: true, scopes: ['dedicated_inference:budget'] }],
    ['in another form', { revoked: { at: '2026-11-22', by: 'x' } }],
    ['by the lack of the word', { revoked: undefined }],
  ])('grants nothing when it is revoked %s', (_how, parts) => {
    expect(readApiToken({ ...document, ...parts })).toMatchObject({ revoked: true, scopes: [] });
  });

  it.each([
    ['no object', 'revoked'],
    ['a newer version', { ...document, v: 2 }],
    ['an expiry of another form', { ...document, expiresAt: 'tomorrow' }],
    ['a team that cannot be one', { ...document, team: 'Alpha Team' }],
  ])('grants nothing when it is %s', (_what, json) => {
    expect(readApiToken(json)).toBeNull();
  });
});
