import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { commandReplySchema, commandVerbs } from '#shared/contract/commands.ts';
import { newTokenReplySchema, tokensReplySchema } from '#shared/contract/parts.ts';
import { createReplySchema, resourceReplySchema } from '#shared/contract/resource.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { createBody } from './create-body.ts';
import { alphaToken, betaToken, startTestRegion, type TestRegion } from './region-fixture.ts';

describe('automation over NATS', () => {
  let server: ChildServer;
  let region: TestRegion;

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startRegionNats());
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] }));
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

  it('lists, changes, and keeps tokens and routing as REST does', async () => {
    const made = createReplySchema.parse((await ask('create', { body: createBody('by-verbs') })).body);
    const { id, revision } = made.dedicated_inference;
    const rest = async (path: string): Promise<unknown> =>
      (await region.call(1, { path: `/v2/dedicated-inferences${path}` })).body;
    const listed = await ask('list', { query: { name: 'by-verbs' } });
    expect(listed).toMatchObject({ status: 200, body: { meta: { total: 1 }, dedicated_inferences: [{ id }] } });
    expect((await ask('list', { query: { per_page: 0 } })).status).toBe(422);
    const renamed = await ask('update', { id, ifMatch: `"${revision}"`, body: { spec: { name: 'by-more-verbs' } } });
    expect([renamed.status, renamed.body]).toEqual([202, await rest(`/${id}`)]);
    expect((await ask('delete', { id, ifMatch: `"${revision}"` })).status).toBe(412);
    expect((await ask('update', { id, dryRun: true, ifMatch: '*', body: { spec: { name: 'tried' } } })).status).toBe(
      200,
    );
    const routing = { policy: 'least_in_flight', choices_max: 2 };
    expect(await ask('put_routing', { id, body: routing })).toMatchObject({ status: 202, body: { routing } });
    expect((await ask('get_routing', { id })).body).toEqual(await rest(`/${id}/routing`));
    const modelId = made.dedicated_inference.pending_deployment_spec?.model_deployments[0]?.model_id;
    const context = { engines: [{ model_id: modelId, context_tokens: 8192 }] };
    expect(await ask('put_engine', { id, body: context })).toMatchObject({ status: 403 });
    expect(await ask('put_engine', { id, ifMatch: '*', body: context })).toMatchObject({ status: 202, body: context });
    expect((await ask('get_engine', { id })).body).toEqual(await rest(`/${id}/engine`));
    expect((await ask('delete_engine', { id, ifMatch: '*' })).body).toEqual({ engines: [] });
    const first = await ask('create_token', { id, body: { name: 'ci' } });
    const { token } = newTokenReplySchema.parse(first.body);
    expect((await ask('create_token', { id, body: { name: 'ci' } })).body).toEqual(first.body);
    const next = newTokenReplySchema.parse((await ask('rotate_token', { id, tokenId: token.id })).body).token;
    expect(next.value).not.toBe(token.value);
    expect((await ask('delete_token', { id, tokenId: token.id })).status).toBe(204);
    const tokens = await ask('list_tokens', { id });
    expect(tokens).toMatchObject({ status: 200, body: { tokens: [{}, { id: next.id }], meta: { total: 2 } } });
    expect(tokens.body).toEqual(await rest(`/${id}/tokens`));
    const { links } = tokensReplySchema.parse((await ask('list_tokens', { id, query: { per_page: 1 } })).body);
    const query = Object.fromEntries(new URL(links.pages?.next ?? '').searchParams);
    expect(await ask('list_tokens', { id, query })).toMatchObject({ status: 200, body: { tokens: [{ id: next.id }] } });
  });

  it('needs the scope of its route for each verb', async () => {
    await region.seedToken('fairwayapi_nothing', { scopes: [] });
    await eventually(async () => expect((await ask('sealing_key', { token: 'fairwayapi_nothing' })).status).toBe(403));
    for (const verb of commandVerbs)
      expect(await ask(verb, { token: 'fairwayapi_nothing' })).toMatchObject({
        status: 403,
        body: { id: 'forbidden' },
      });
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

  it('carries out nothing that nobody waits for, or whose answer would go astray', async () => {
    const body = { v: 1, token: alphaToken, body: createBody('unheard') };
    const subject = subjects.command('alpha', 'atl1', 'create');
    region.nats.nc.publish(subject, JSON.stringify(body));
    region.nats.nc.publish(subject, JSON.stringify(body), { reply: 'fairway.spec.victim' });
    await eventually(async () => {
      const counts = await Promise.all(
        region.apis.map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()),
      );
      const refused = counts.map((text) =>
        Number(/commands_total\{verb="create",status="no_reply".*\} (\d+)/.exec(text)?.[1] ?? 0),
      );
      expect(refused.reduce((sum, count) => sum + count, 0)).toBe(2);
    });
    expect((await region.call(0, { path: '/v2/dedicated-inferences?name=unheard' })).body.meta?.total).toBe(0);
    expect(await readLast(region.nats, streams.desired.name, 'fairway.spec.victim')).toBeNull();
  });

  it('takes no more at once than requests, tells the others to come back, and none that is larger', async () => {
    await using narrow = await startRegionNats();
    await using one = await startTestRegion({
      natsUrl: narrow.url,
      apiNatsUrls: [narrow.url],
      env: { FAIRWAY_REQUESTS_MAX: '1', FAIRWAY_BODY_MAX_BYTES: '1024' },
    });
    const payload = JSON.stringify({ v: 1, token: alphaToken, id: nobody });
    const subject = subjects.command('alpha', 'atl1', 'get');
    const asked = Array.from({ length: 20 }, () => one.nats.nc.request(subject, payload, { timeout: 20_000 }));
    const replies = (await Promise.all(asked)).map((reply) => commandReplySchema.parse(reply.json()));
    const refused = replies.filter(({ status }) => status === 503);
    expect(new Set(refused.map(({ body }) => Object(body).id))).toEqual(new Set(['overloaded']));
    expect(replies.length - refused.length).toBeGreaterThan(0);
    const large = await one.nats.nc.request(subject, JSON.stringify({ v: 1, token: 'x'.repeat(1024) }));
    expect(commandReplySchema.parse(large.json())).toMatchObject({ status: 413, body: { id: 'request_too_large' } });
  });

  it('reads a body that begins with a byte order mark', async () => {
    expect((await ask('get', `\ufeff${JSON.stringify({ v: 1, token: alphaToken, id: nobody })}`)).status).toBe(404);
  });
});

describe('automation over a NATS that takes the right to listen away', () => {
  it('says so in readiness, and goes on when the right is given back', async () => {
    await using server = await startRegionNats();
    await using region = await startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url] });
    const missing = async (): Promise<unknown> => (await fetch(`${region.apis[0]?.adminUrl}/readyz`)).json();
    const config = join(server.folder, 'nats.conf');
    const text = await readFile(config, 'utf8');
    await writeFile(config, text.replaceAll(subjects.commandsOfRegion('atl1'), 'fairway.nothing'));
    process.kill(server.pid, 'SIGHUP');
    await eventually(async () => expect(await missing()).toEqual({ ready: false, missing: ['commands'] }));
    await writeFile(config, text);
    process.kill(server.pid, 'SIGHUP');
    await eventually(async () => expect(await missing()).toEqual({ ready: true, missing: [] }));
    const ask = { v: 1, token: alphaToken, id: '00000000-0000-8001-8000-000000000000' };
    const reply = await region.nats.nc.request(subjects.command('alpha', 'atl1', 'get'), JSON.stringify(ask));
    expect(commandReplySchema.parse(reply.json()).status).toBe(404);
  });
});
