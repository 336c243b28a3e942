import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandReplySchema } from '#shared/contract/commands.ts';
import { createReplySchema, resourceReplySchema } from '#shared/contract/deployment.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { createBody } from './create-body.ts';
import { alphaToken, betaToken, startTestRegion, type TestRegion } from './region-fixture.ts';

describe('automation over NATS', () => {
  let server: ChildServer;
  let region: TestRegion;

  beforeAll(async () => {
    server = await startRegionNats();
    region = await startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] });
  });
  afterAll(async () => {
    await region[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const ask = async (verb: string, content: unknown, team = 'alpha'): Promise<{ status: number; body: unknown }> => {
    const payload =
      typeof content === 'string' ? content : JSON.stringify({ v: 1, token: alphaToken, ...Object(content) });
    const reply = await region.nats.nc.request(subjects.command(team, 'atl1', verb), payload, { timeout: 20_000 });
    return commandReplySchema.parse(reply.json());
  };

  it('creates, gets and deletes as REST does, one process per command', async () => {
    const made = await ask('create', { body: createBody('by-command') });
    expect(made.status, JSON.stringify(made.body)).toBe(202);
    const { dedicated_inference: resource, token } = createReplySchema.parse(made.body);
    expect(token.value).toMatch(/^fairway_/);
    const overRest = await region.call(1, { path: `/v2/dedicated-inferences/${resource.id}` });
    const got = await ask('get', { id: resource.id });
    expect([got.status, resourceReplySchema.parse(got.body)]).toEqual([200, overRest.body]);
    expect((await ask('delete', { id: resource.id })).status).toBe(202);
    const after = resourceReplySchema.parse((await ask('get', { id: resource.id })).body);
    expect(after.dedicated_inference.status).toBe('deleting');
    const list = await region.call(0, { path: '/v2/dedicated-inferences?name=by-command' });
    expect(list.body.meta?.total).toBe(1);
  });

  it('shares idempotency keys with REST', async () => {
    const body = createBody('by-both');
    const first = await ask('create', { idempotencyKey: 'both-1', body });
    const second = await region.call(0, { method: 'POST', body, headers: { 'idempotency-key': 'both-1' } });
    expect(second.status).toBe(202);
    expect(second.body).toEqual(first.body);
  });

  const nobody = '00000000-0000-8001-8000-000000000000';
  it.each([
    { what: 'another team', verb: 'get', content: { id: nobody }, team: 'beta', error: [403, 'forbidden'] },
    { what: 'an unknown token', verb: 'get', content: { token: 'nobody', id: nobody }, error: [401, 'unauthorized'] },
    {
      what: 'a body that does not fit',
      verb: 'create',
      content: { body: { spec: {} } },
      error: [422, 'unprocessable'],
    },
    { what: 'a member too many', verb: 'get', content: { id: nobody, more: 1 }, error: [422, 'unprocessable'] },
    { what: 'an unknown verb', verb: 'explode', content: {}, error: [404, 'unknown_route'] },
    { what: 'no JSON', verb: 'get', content: 'hello', error: [400, 'invalid_body'] },
    { what: 'an unknown endpoint', verb: 'delete', content: { id: nobody }, error: [404, 'not_found'] },
  ])('refuses $what', async ({ verb, content, team, error: [status, id] }) => {
    const reply = await ask(verb, content, team);
    expect([reply.status, reply.body]).toEqual([status, expect.objectContaining({ id })]);
  });

  it('keeps teams apart', async () => {
    const made = await region.call(0, { method: 'POST', body: createBody('of-beta'), token: betaToken });
    const id = made.body.dedicated_inference?.id;
    expect((await ask('get', { id })).status).toBe(404);
    expect((await ask('delete', { id })).status).toBe(404);
  });
});
