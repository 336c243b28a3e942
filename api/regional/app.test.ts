import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { AppError } from '#shared/contract/errors.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import type { TokenLookup } from '../http/api-tokens.ts';
import { createRateLimits } from '../http/rate-limits.ts';
import { createRequestMetrics } from '../http/request-scope.ts';
import { createApp } from './app.ts';
import { Committer } from './commit/committer.ts';
import { MemoryDesiredLog } from './testing/memory-desired-log.ts';
import { createApiMetrics } from './commit/metrics.ts';
import type { RegionContext } from './endpoints/region-context.ts';
import { RegionKeys } from './endpoints/region-keys.ts';
import { EventStreams } from './routes/event-streams.ts';
import { createBody } from './testing/create-body.ts';

/** An app over a log in memory; its view never gets current. */
function startApp(lookup: TokenLookup) {
  const clock = createTestClock();
  const log = new MemoryDesiredLog();
  const registry = new Registry();
  const metrics = createApiMetrics(registry);
  const bounds = { budgetMs: 15_000, pendingMax: 4, batchesMax: 4 };
  const auditor = { tell: () => {}, settle: () => Promise.resolve(), settleOrTell: () => Promise.resolve() };
  const committer = new Committer({
    log,
    auditor,
    clock,
    metrics,
    newBatchId: () => 'b',
    random: () => 0.5,
    ...bounds,
  });
  const context: RegionContext = {
    region: 'atl1',
    keys: new RegionKeys('atl1', new Uint8Array(32), ''),
    defaultVpcId: '11111111-2222-4333-8444-555555555555',
    endpointsMax: 10,
    tokensMax: 10,
    hostDomain: 'example.test',
    address: { scheme: 'https' },
    desired: log,
    committer,
    view: {
      synced: () => false,
      whenSynced: () => Promise.resolve(),
      barrier: () => Promise.reject(new AppError('unavailable')),
      find: () => undefined,
      readStatus: () => Promise.reject(new AppError('unavailable')),
      learn: () => {},
      all: () => [],
      countOf: () => 0,
      until: () => Promise.resolve(false),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    vpcs: { problem: () => null, mayExist: () => true },
    events: { page: () => Promise.reject(new AppError('unavailable')), async *follow() {} },
    lastUse: { daysOf: () => Promise.resolve({}), forget: () => Promise.resolve() },
    clock,
    log: silentLogger(),
    newId: () => '00000000-0000-8001-8000-000000000001',
  };
  const app = createApp({
    context,
    lookup,
    log: silentLogger(),
    metrics: createRequestMetrics(registry, 'api'),
    limits: createRateLimits(registry, 'api', {
      clock,
      config: { FAIRWAY_RATE_PER_HOUR: 100, FAIRWAY_RATE_PER_MINUTE: 3 },
    }),
    bodyMaxBytes: 10_000,
    eventStreams: new EventStreams({ max: 1, ageMs: 1000, beatMs: 1000, stallMs: 1000, onCount: () => {} }, clock),
  });
  const call = async (method: string, path: string, body?: unknown) => {
    const init = { method, headers: { authorization: 'Bearer t', 'content-type': 'application/json' } };
    const response = await app.request(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
    const reply: unknown = await response.json();
    return { status: response.status, headers: response.headers, reply };
  };
  return { call, log };
}

const known: TokenLookup = () => ({
  v: 1,
  tokenId: 't',
  team: 'alpha',
  scopes: ['dedicated_inference:create', 'dedicated_inference:read'],
  expiresAt: null,
  revoked: false,
});
const collection = '/v2/dedicated-inferences';

describe('the app', () => {
  it('answers 503, not 401, while the API tokens are not yet known', async () => {
    const { call } = startApp(() => {
      throw new AppError('unavailable');
    });
    const { status, headers, reply } = await call('GET', collection);
    expect([status, headers.get('retry-after'), reply]).toMatchObject([503, '1', { id: 'unavailable' }]);
  });

  it('refuses a read that cannot be current, and still takes a create', async () => {
    const { call, log } = startApp(known);
    expect((await call('GET', collection)).status).toBe(503);
    const { status, headers } = await call('POST', collection, createBody('made'));
    expect([status, headers.get('etag')]).toEqual([202, '"3"']);
    expect(log.history.map(({ subject }) => subject.split('.')[1])).toEqual(['name', 'access', 'spec']);
  });

  it('counts what an API token sends, shows what is left, and says when it may come again', async () => {
    const { call } = startApp(known);
    for (let left = 99; left >= 97; left -= 1) {
      const { headers } = await call('GET', `${collection}/sizes`);
      expect([headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')]).toEqual(['100', String(left)]);
      expect(headers.get('ratelimit-reset')).toMatch(/^\d{10}$/);
    }
    const { status, headers, reply } = await call('GET', `${collection}/sizes`);
    expect([status, reply]).toMatchObject([429, { id: 'too_many_requests', message: 'API rate limit exceeded.' }]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(headers.get('ratelimit-remaining')).toBe('97');
    expect((await call('GET', '/openapi.json')).headers.get('ratelimit-limit')).toBeNull();
  });

  it('shows nothing of an unexpected failure but the request id', async () => {
    const { call, log } = startApp(known);
    log.fillRatio = () => {
      throw new Error('an inner secret');
    };
    const { status, headers, reply } = await call('POST', collection, createBody('broken'));
    expect(status).toBe(500);
    expect(reply).toEqual({
      id: 'server_error',
      message: 'Unexpected server-side error',
      request_id: headers.get('x-request-id'),
    });
  });
});
