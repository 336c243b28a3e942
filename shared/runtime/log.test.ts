import { describe, expect, it } from 'vitest';
import { formatToken } from './access-token.ts';
import { createLogger, type Logger } from './log.ts';

const secret = 'hunter2-correct-horse-battery';
const token = formatToken('access', new Uint8Array(24).fill(7));
const apiToken = formatToken('api', new Uint8Array(24).fill(9));

/** What one use of a logger writes, as text. */
function written(use: (log: Logger) => void): string {
  let text = '';
  use(createLogger('test', { level: 'trace', destination: { write: (line: string) => void (text += line) } }));
  return text;
}

const parsed = (use: (log: Logger) => void): Record<string, unknown> => {
  const value: unknown = JSON.parse(written(use));
  return value !== null && typeof value === 'object' ? { ...value } : {};
};

describe('log', () => {
  it('writes one JSON line with level, time, service and event', () => {
    expect(parsed((log) => log.info({ endpointId: 'e', n: 3 }, 'intent.committed'))).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: 'test',
      pid: process.pid,
      endpointId: 'e',
      n: 3,
      msg: 'intent.committed',
    });
  });

  const deep = (name: string): object => ({ a: { b: [{ c: { d: { [name]: secret } } }] } });
  it.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'x-api-key',
    'apiKey',
    'api_key',
    'token',
    'access_token',
    'hugging_face_token',
    'access_tokens',
    'password',
    'secret',
    'secrets',
    'privateKey',
    'FAIRWAY_SEAL_PRIVATE_KEY',
    'FAIRWAY_REGION_KEY',
    'FAIRWAY_PROVISIONER_KEY',
    'FAIRWAY_TOKEN_HASH_KEY',
    'upstreamKey',
    'value',
    'body',
    'cookie',
    'set-cookie',
    'prompt',
    'messages',
  ])('masks %s at any depth, in errors and in lists', (name) => {
    const error = Object.assign(new Error('failed'), { request: { headers: { [name]: secret } } });
    const lines = written((log) => {
      log.info({ [name]: secret }, 'plain');
      log.info({ [name]: [secret, { inner: secret }] }, 'list');
      log.warn(deep(name), 'deep');
      log.error({ err: error }, 'error');
      log.error({ err: new Error('outer', { cause: error }) }, 'cause');
      log.error({ failures: [new AggregateError([error], 'several')] }, 'aggregate');
      log.error(error);
    });
    expect(lines).not.toContain(secret);
    expect(lines.split('\n').filter((line) => line.includes('***'))).toHaveLength(7);
  });

  it.each([
    [`Bearer ${secret}`, secret],
    [`authorization: bearer   ${secret}=`, secret],
    ['nats://fairway:pa55-word@127.0.0.1:4222,nats://other:pa55-word@10.0.0.1:4222', 'pa55-word'],
    ['redis://:pa55-word@10.0.0.1', 'pa55-word'],
    [`the token ${token} is unknown`, token],
    [`api ${apiToken}`, apiToken],
    [`fairwayproof_${'a'.repeat(40)}.${'b'.repeat(40)}`, 'a'.repeat(40)],
    ['hf_abcdefghijklmnopqrstuvwxyz', 'abcdefghijkl'],
    ['-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----', 'MIIabc'],
  ])('masks by form, wherever it stands: %s', (text, hidden) => {
    const lines = written((log) => {
      log.info({ reason: text }, 'reason');
      log.info({ list: [{ text }] }, 'nested');
      log.info({ [text]: 1 }, 'as a name');
      log.info(text);
      log.error({ err: new Error(text, { cause: new Error(text) }) }, 'error');
    });
    expect(lines).not.toContain(hidden);
    for (const line of lines.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
  });

  it('shows what only looks like a secret', () => {
    const fields = {
      tokenId: 'a',
      token: 520,
      max_tokens: 16,
      tokens: true,
      queue: 'endpoints',
      key: 'endpoint-1',
      metric: 'fairway_router_upstream_first_token_seconds_bucket',
      url: 'http://127.0.0.1:8000/v1',
    };
    expect(parsed((log) => log.info(fields, 'fine'))).toMatchObject(fields);
  });

  it('describes errors with their kind, stack, own members and causes', () => {
    class OddError extends TypeError {
      override name = 'OddError';
      code = 'E_ODD';
    }
    const error = new OddError('outer', { cause: new RangeError('inner', { cause: 'a text' }) });
    expect(parsed((log) => log.error({ err: error }, 'x'))['err']).toMatchObject({
      type: 'OddError',
      message: 'outer',
      code: 'E_ODD',
      stack: expect.stringContaining('log.test.ts'),
      cause: { type: 'RangeError', message: 'inner', cause: 'a text' },
    });
  });

  it('shows bytes as their number and writes whatever it is given', () => {
    const round: Record<string, unknown> = { name: 'round' };
    round['self'] = round;
    const fields = {
      round,
      bytes: Buffer.from(secret),
      many: Array.from({ length: 5000 }, (_, index) => index),
      long: 'x'.repeat(100_000),
      big: 12n,
      when: new Date(0),
      never: new Date(Number.NaN),
      nothing: undefined,
      run: () => 1,
      map: new Map([['a', secret]]),
      get broken(): string {
        throw new Error('no');
      },
    };
    const line = written((log) => log.info(fields, 'odd'));
    expect(line.length).toBeLessThan(12_000);
    expect(line).not.toContain(secret);
    expect(JSON.parse(line)).toMatchObject({
      bytes: `[${secret.length} bytes]`,
      big: '12',
      when: '1970-01-01T00:00:00.000Z',
      map: '[1 entries]',
      broken: '[unreadable]',
    });
  });
});
