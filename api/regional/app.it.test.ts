import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { createBody, startTestRegion, type TestRegion } from './test-region.ts';

describe('the regional API', () => {
  let server: ChildServer;
  let region: TestRegion;
  const path = (id: string | undefined): string => `/v2/dedicated-inferences/${id ?? ''}`;

  beforeAll(async () => {
    server = await startNatsServer();
    region = await startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] });
  });
  afterAll(async () => {
    await region[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it('creates, shows at another process, deletes', async () => {
    const made = await region.call(0, { method: 'POST', body: createBody('first') });
    expect(made.status, made.text).toBe(202);
    const resource = made.body.dedicated_inference;
    expect(resource?.status).toBe('new');
    expect(made.body.token?.value).toMatch(/^fairway_/);
    const shown = await region.call(1, { path: path(resource?.id) });
    expect(shown.status).toBe(200);
    expect(shown.body.dedicated_inference).toEqual(resource);
    expect(shown.headers.get('etag')).toBe(`"${resource?.revision}"`);
    const deleted = await region.call(1, {
      method: 'DELETE',
      path: path(resource?.id),
      headers: { 'content-type': 'application/json' },
    });
    expect(deleted.status).toBe(202);
    expect(deleted.text).toBe('');
    expect((await region.call(0, { path: path(resource?.id) })).body.dedicated_inference?.status).toBe('deleting');
  });
});
