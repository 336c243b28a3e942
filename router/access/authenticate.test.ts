import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { proofPrefix, type ProofPayload } from '#shared/contract/replica.ts';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { accessDocument, poolDocument } from '#shared/testing/documents.ts';
import { AccessDirectory } from '../edge/access-directory.ts';
import { authenticate, type Asking } from './authenticate.ts';
import { PoolDirectory } from '../edge/pool-directory.ts';

const tokenHashKey = new Uint8Array(32).fill(1);
const token = formatToken('access', new Uint8Array(24).fill(7));
const otherToken = formatToken('access', new Uint8Array(24).fill(8));

function make() {
  const [first, second] = [poolDocument(), poolDocument()];
  const access = new AccessDirectory();
  const pools = new PoolDirectory();
  for (const [pool, text] of [[first, token] as const, [second, otherToken] as const]) {
    access.put(accessDocument({ ...pool, hashes: [keyedHash(tokenHashKey, text)] }));
    pools.put(pool);
  }
  const host = (pool: { endpointId: string }): string => `${pool.endpointId.slice(0, 8)}-public-test.example`;
  return { gate: { access, pools, tokenHashKey }, first, second, host };
}

const from = (headers: Asking['headers'], remoteAddress = '127.0.0.1') => ({ headers, socket: { remoteAddress } });

describe('authenticate', () => {
  it('takes Bearer and x-api-key, with the host of the token’s endpoint in any spelling', () => {
    const { gate, first, host } = make();
    for (const headers of [
      { authorization: `Bearer ${token}`, host: host(first) },
      { authorization: `bearer ${token}`, host: `${host(first).toUpperCase()}:8443` },
      { 'x-api-key': token, host: `${host(first)}.` },
      { 'x-api-key': token, authorization: 'Bearer sk-of-somebody-else', host: host(first) },
      { 'x-api-key': token, host: host(first).replace('public', 'private') },
    ])
      expect(authenticate(gate, from(headers), 0)).toMatchObject({ kind: 'token', endpointId: first.endpointId });
  });

  it('answers at each of two listeners for its own names, and for the public without a name for what is public', () => {
    const { gate, first, host } = make();
    const inside = accessDocument({ ...first, hashes: [keyedHash(tokenHashKey, token)] });
    const at = (listener: 'public' | 'private', name: string) => () =>
      authenticate({ ...gate, listener }, from({ authorization: `Bearer ${token}`, host: name }), 0).endpointId;
    const [outer, inner] = [host(first), host(first).replace('public', 'private')];
    for (const name of [outer, '127.0.0.1']) expect(at('public', name)()).toBe(first.endpointId);
    for (const name of [inner, '127.0.0.1']) expect(at('private', name)()).toBe(first.endpointId);
    expect(at('public', inner)).toThrow('invalid_api_key');
    expect(at('private', outer)).toThrow('invalid_api_key');
    gate.access.put({ ...inside, hosts: { private: inner } });
    for (const name of [outer, inner, '127.0.0.1']) expect(at('public', name)).toThrow('invalid_api_key');
    expect(at('private', inner)()).toBe(first.endpointId);
  });

  it.each(['127.0.0.1:8080', 'localhost:1', '[::1]:80', '10.0.0.7'])(
    'lets the token alone select behind %s',
    (host) => {
      const { gate, second } = make();
      const caller = authenticate(gate, from({ authorization: `Bearer ${otherToken}`, host }), 0);
      expect(caller.endpointId).toBe(second.endpointId);
    },
  );

  it('refuses everything else in the same words', () => {
    const { gate, second, host } = make();
    for (const headers of [
      { host: '127.0.0.1' },
      { host: '127.0.0.1', authorization: 'Basic abc' },
      { host: '127.0.0.1', authorization: `Bearer ${token}x` },
      { host: '127.0.0.1', authorization: `Bearer ${formatToken('access', new Uint8Array(24).fill(9))}` },
      { host: '127.0.0.1', authorization: `Bearer ${formatToken('api', new Uint8Array(24).fill(7))}` },
      { host: host(second), authorization: `Bearer ${token}` },
      { host: 'elsewhere.example', authorization: `Bearer ${token}` },
      { host: '127.0.0.1.example', authorization: `Bearer ${token}` },
    ])
      expect(() => authenticate(gate, from(headers), 0)).toThrow(
        'invalid_api_key: The token is missing, unknown, expired or revoked.',
      );
  });

  it('takes a token until it expires, and from the networks that it names', () => {
    const { gate, first } = make();
    const headers = { 'x-api-key': token, host: '127.0.0.1' };
    const document = accessDocument({ ...first, hashes: [keyedHash(tokenHashKey, token)] });
    const change = (parts: object) =>
      gate.access.put({ ...document, tokens: document.tokens.map((one) => ({ ...one, ...parts })) });
    const call = (address: string, now: number) => () => authenticate(gate, from(headers, address), now);
    change({ expiresAt: new Date(5000).toISOString() });
    expect(call('::1', 4999)).not.toThrow();
    expect(call('::1', 5000)).toThrow('invalid_api_key: The token is missing, unknown, expired or revoked.');
    change({ networks: ['10.0.0.0/8'] });
    expect(call('::ffff:10.0.0.1', 0)).not.toThrow();
    expect(call('11.0.0.1', 0)).toThrow('invalid_api_key: The token is missing, unknown, expired or revoked.');
  });

  it('of a router that stands alone takes tokens of any form, in either header and behind any host name', () => {
    const { gate, first } = make();
    gate.access.put(accessDocument({ ...first, hashes: [keyedHash(tokenHashKey, 'any text')] }));
    const call = (headers: Asking['headers'], alone = {}) => authenticate({ ...gate, alone }, from(headers), 0);
    const both = { authorization: 'Bearer sk-x', 'x-api-key': 'any text', host: 'router.lan:8000' };
    expect(call(both)).toMatchObject({ kind: 'token', endpointId: first.endpointId });
    expect(() => authenticate(gate, from(both), 0)).toThrow('invalid_api_key');
    for (const headers of [{ host: 'localhost' }, { host: 'localhost', authorization: 'Bearer sk-x' }])
      expect(() => call(headers)).toThrow('invalid_api_key');
  });

  it('lets anyone in where it is told to, by an address or as localhost alone', () => {
    const { gate } = make();
    const anyone = { endpointId: 'e', team: 't', tokenId: 'anyone' };
    const call = (headers: Asking['headers']) => authenticate({ ...gate, alone: { anyone } }, from(headers), 0);
    for (const host of ['localhost:8000', '127.0.0.1', '[::1]:8000'])
      for (const headers of [{ host }, { host, authorization: 'Bearer sk-x' }])
        expect(call(headers)).toMatchObject({ kind: 'token', tokenId: 'anyone' });
    expect(() => call({ host: 'page.example:8000' })).toThrow('invalid_api_key');
    expect(() => call({})).toThrow('invalid_api_key');
  });

  it('forgets a token the moment its document no longer names it, and an endpoint with its hosts', () => {
    const { gate, first, host } = make();
    const headers = { authorization: `Bearer ${token}`, host: '127.0.0.1' };
    gate.access.put(accessDocument({ ...first, hashes: ['other'] }));
    expect(() => authenticate(gate, from(headers), 0)).toThrow('invalid_api_key');
    gate.access.remove(first.endpointId);
    expect(gate.access.endpointOfHost(host(first))).toBeUndefined();
  });
});

describe('probe credentials', () => {
  const keys = generateKeyPairSync('ed25519');
  const proofKey = keys.publicKey.export({ format: 'jwk' }).x ?? '';

  function credential(payload: ProofPayload): string {
    const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
    return `${proofPrefix}${text}.${sign(null, Buffer.from(text), keys.privateKey).toString('base64url')}`;
  }

  function ask(change: Partial<ProofPayload>, bend: (text: string) => string = (text) => text, host = '127.0.0.1') {
    const pool = poolDocument({ proofKey });
    const pools = new PoolDirectory();
    pools.put(pool);
    const { endpointId } = pool;
    const payload = { endpointId, pool: pool.pool, specRevision: 1, replicaId: null, expiresAt: 61_000, ...change };
    const headers = { authorization: `Bearer ${bend(credential(payload))}`, host };
    return authenticate({ access: new AccessDirectory(), pools, tokenHashKey }, from(headers), 1000);
  }

  it('are good for their pool until they expire', () => {
    expect(ask({})).toMatchObject({ kind: 'proof', payload: { specRevision: 1 } });
  });

  it.each<[string, Parameters<typeof ask>]>([
    ['expired', [{ expiresAt: 1000 }]],
    ['good for too long', [{ expiresAt: 1000 + 121_000 }]],
    ['for another pool', [{ pool: '00000000-0000-8000-8000-000000000000' }]],
    ['for another endpoint', [{ endpointId: '00000000-0000-8000-8000-000000000000' }]],
    ['changed', [{}, (text) => text.replace('.', 'x.')]],
    ['unsigned', [{}, (text) => text.slice(0, text.indexOf('.'))]],
    ['behind another host', [{}, undefined, 'elsewhere.example']],
  ])('are refused when they are %s', (_, args) => {
    expect(() => ask(...args)).toThrow('invalid_api_key');
  });
});
