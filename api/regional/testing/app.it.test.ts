import { Agent, request as rawRequest } from 'node:http';
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { createReplySchema, listReplySchema, resourceReplySchema } from '#shared/contract/resource.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { createBody } from './create-body.ts';
import {
  betaToken,
  startTestRegion,
  testVpcId,
  type TestReply,
  type TestRegion,
  type TestRequest,
} from './region-fixture.ts';
import { statusDocument } from '#shared/testing/documents.ts';
import { endAfterAll } from '#shared/testing/started.ts';

const collection = '/v2/dedicated-inferences';
const nobody = '00000000-0000-8001-8000-000000000000';

describe('the regional API', () => {
  let server: ChildServer;
  let region: TestRegion;

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startRegionNats());
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] }));
  });

  const call = (request: TestRequest): Promise<TestReply> => region.call(0, request);
  const create = (name: string, spec: Record<string, unknown> = {}): Promise<TestReply> =>
    call({ method: 'POST', body: createBody(name, spec) });
  const patch = (id: string, body: unknown, headers: Record<string, string> = {}): Promise<TestReply> =>
    call({ method: 'PATCH', path: `${collection}/${id}`, body, headers });
  const idOf = (reply: TestReply): string => reply.body.dedicated_inference?.id ?? '';
  const until = (token: string, status: number): Promise<void> =>
    eventually(async () => {
      for (const index of [0, 1]) expect((await region.call(index, { token })).status).toBe(status);
    });
  const withScale = (scale: number): unknown => ({
    spec: {
      model_deployments: [{ accelerators: [{ scale, type: 'prefill_decode', accelerator_slug: 'gpu-mi300x1-192gb' }] }],
    },
  });

  it('is visible at once at the other process, with at least that revision', async () => {
    for (let round = 0; round < 20; round += 1) {
      const made = await region.call(round % 2, { method: 'POST', body: createBody(`visible-${round}`) });
      const shown = await region.call((round + 1) % 2, { path: `${collection}/${idOf(made)}` });
      expect(shown.status).toBe(200);
      expect(resourceReplySchema.parse(shown.body).dedicated_inference).toEqual(made.body.dedicated_inference);
      expect(shown.headers.get('etag')).toBe(`"${made.body.dedicated_inference?.revision}"`);
      const scaled = await region.call(round % 2, {
        method: 'PATCH',
        path: `${collection}/${idOf(made)}`,
        body: withScale(3),
        headers: { 'if-match': '*' },
      });
      const again = await region.call((round + 1) % 2, { path: `${collection}/${idOf(made)}` });
      expect(again.body.dedicated_inference?.revision).toBe(scaled.body.dedicated_inference?.revision);
      expect(again.body.dedicated_inference?.replicas.desired).toBe(3);
    }
  });

  it('lists every problem of a create at once, with its path', async () => {
    const body = {
      spec: {
        name: 'no spaces',
        region: 'nyc2',
        colour: 'red',
        vpc: { uuid: 'x' },
        model_deployments: [
          { model_slug: '', accelerators: [{ scale: 0, type: 'decode', accelerator_slug: 'gpu-abacus' }] },
          { model_slug: 'a/b', workload_config: { x: 1 }, accelerators: [] },
        ],
      },
      surprise: true,
    };
    const reply = await call({ method: 'POST', body });
    expect([reply.status, reply.body.id]).toEqual([422, 'unprocessable']);
    expect(new Set(reply.body.errors?.map(({ path }) => path))).toEqual(
      new Set([
        'spec.name',
        'spec.region',
        'spec.colour',
        'spec.vpc.uuid',
        'spec.model_deployments.0.model_slug',
        'spec.model_deployments.0.accelerators',
        'spec.model_deployments.0.accelerators.0.scale',
        'spec.model_deployments.0.accelerators.0.accelerator_slug',
        'spec.model_deployments.1.workload_config',
        'spec.model_deployments.1.accelerators',
        'surprise',
      ]),
    );
    expect(reply.body.request_id).toBe(reply.headers.get('x-request-id'));
  });

  const cases: { what: string; request: TestRequest; error: [number, string] }[] = [
    { what: 'no token', request: { token: '' }, error: [401, 'unauthorized'] },
    { what: 'an unknown token', request: { token: 'fairwayapi_nobody' }, error: [401, 'unauthorized'] },
    { what: 'a body that is no JSON', request: { method: 'POST', body: '{"spec":' }, error: [400, 'invalid_body'] },
    { what: 'a list as body', request: { method: 'POST', body: '[]' }, error: [400, 'invalid_body'] },
    {
      what: 'no body',
      request: { method: 'POST', headers: { 'content-type': 'application/json' } },
      error: [400, 'invalid_body'],
    },
    {
      what: 'a form',
      request: { method: 'POST', body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      error: [415, 'unsupported_media_type'],
    },
    {
      what: 'a huge body',
      request: { method: 'POST', body: `{"a":"${'x'.repeat(1_048_576)}"}` },
      error: [413, 'request_too_large'],
    },
    { what: 'an unknown route', request: { path: '/v2/droplets' }, error: [404, 'unknown_route'] },
    { what: 'an unknown id', request: { path: `${collection}/${nobody}` }, error: [404, 'not_found'] },
    { what: 'something that is no id', request: { path: `${collection}/prices` }, error: [404, 'not_found'] },
    {
      what: 'a delete of nothing',
      request: { method: 'DELETE', path: `${collection}/${nobody}` },
      error: [404, 'not_found'],
    },
    { what: 'a page 0', request: { path: `${collection}?page=0&per_page=201` }, error: [422, 'unprocessable'] },
    {
      what: 'a key that is too long',
      request: { method: 'POST', body: createBody('long-key'), headers: { 'idempotency-key': 'k'.repeat(256) } },
      error: [400, 'bad_request'],
    },
  ];
  it.each(cases)('refuses $what', async ({ request, error: [status, id] }) => {
    const reply = await call(request);
    expect([reply.status, reply.body.id], reply.text).toEqual([status, id]);
    expect(reply.body.message).toMatch(/\.$|account|you/);
    expect(reply.body.request_id).toBe(reply.headers.get('x-request-id'));
    expect(reply.headers.get('retry-after')).toBeNull();
  });

  it('names the methods of a route in 405', async () => {
    const replies = await Promise.all([
      call({ method: 'PUT', body: {} }),
      call({ method: 'POST', path: `${collection}/${nobody}`, body: {} }),
      call({ method: 'PATCH', path: `${collection}/sizes`, body: {} }),
    ]);
    expect(replies.map(({ status, headers }) => [status, headers.get('allow')])).toEqual([
      [405, 'POST, GET'],
      [405, 'GET, PATCH, DELETE'],
      [405, 'GET'],
    ]);
  });

  it('asks for the scope, and never offers a retry on 403', async () => {
    await region.seedToken('reader', { tokenId: 'reader', scopes: ['dedicated_inference:read'] });
    await until('reader', 200);
    const refused = await call({ method: 'POST', body: createBody('not-by-reader'), token: 'reader' });
    expect([refused.status, refused.body.id, refused.headers.get('retry-after')]).toEqual([403, 'forbidden', null]);
    expect(refused.body.message).toContain('dedicated_inference:create');
    expect((await call({ token: 'reader' })).status).toBe(200);
  });

  it('stops knowing a token that is revoked or has expired', async () => {
    const ends = { short: { expiresAt: '2020-01-01T00:00:00.000Z' }, revoked: { revoked: true } };
    for (const [token, end] of Object.entries(ends)) {
      await region.seedToken(token);
      await until(token, 200);
      await region.seedToken(token, end);
      await until(token, 401);
    }
  });

  it('shows a team nothing of another', async () => {
    const id = idOf(await create('private'));
    for (const method of ['GET', 'DELETE']) {
      const reply = await call({ method, path: `${collection}/${id}`, token: betaToken });
      expect([reply.status, reply.body.id]).toEqual([404, 'not_found']);
    }
    const patched = await call({ method: 'PATCH', path: `${collection}/${id}`, token: betaToken, body: withScale(9) });
    expect(patched.status).toBe(404);
    const list = await call({ path: `${collection}?name=private`, token: betaToken });
    expect(list.body.meta?.total).toBe(0);
    expect((await call({ method: 'POST', body: createBody('private'), token: betaToken })).status).toBe(202);
  });

  it('keeps lost updates out: If-Match and version', async () => {
    const made = await create('guarded');
    const id = idOf(made);
    const tag = made.headers.get('etag') ?? '';
    expect((await patch(id, withScale(3), { 'if-match': '"1"' })).status).toBe(412);
    expect((await patch(id, withScale(3), { 'if-match': tag })).status).toBe(202);
    expect((await patch(id, withScale(4), { 'if-match': tag })).body.id).toBe('version_mismatch');
    expect((await patch(id, withScale(4), { 'if-match': '*' })).status).toBe(202);
    for (const [version, status] of [
      [0, 202],
      [3, 202],
      [4, 202],
      [5, 409],
      [1, 409],
    ] as const) {
      const reply = await patch(id, { spec: { version } });
      expect([version, reply.status], reply.text).toEqual([version, status]);
    }
  });

  it('shows every status that was acknowledged before, however fast it is followed by others', async () => {
    const id = idOf(await create('restless'));
    const others = await Promise.all(Array.from({ length: 20 }, (_, index) => create(`bystander-${index}`)));
    const publish = (endpointId: string, lifecycleSeq: number): Promise<void> =>
      region.publishStatus(endpointId, statusDocument({ endpointId, lifecycleSeq }));
    for (let round = 1; round <= 40; round += 1) {
      await publish(id, 2 * round);
      const read = region.call(round % 2, { path: `${collection}/${id}` });
      const list = region.call(round % 2, { path: `${collection}?name=restless` });
      const noise = Promise.all([...others.map((other) => publish(idOf(other), round)), publish(id, 2 * round + 1)]);
      const shown = (await read).body.dedicated_inference?.lifecycle_seq ?? 0;
      expect(shown).toBeGreaterThanOrEqual(2 * round);
      expect((await list).body.dedicated_inferences?.[0]?.lifecycle_seq).toBeGreaterThanOrEqual(2 * round - 1);
      await noise;
      const later = await region.call(round % 2, { path: `${collection}?name=restless` });
      expect(later.body.dedicated_inferences?.[0]?.lifecycle_seq).toBeGreaterThanOrEqual(shown);
    }
  });

  it('takes an endpoint into a VPC of its team alone', async () => {
    const foreign = '99999999-2222-4333-8444-555555555555';
    const unknown = await create('nowhere', { vpc: { uuid: foreign } });
    expect([unknown.status, unknown.body.errors]).toEqual([
      422,
      [{ path: 'spec.vpc.uuid', message: expect.stringContaining(`is no VPC of team alpha in atl1`) }],
    ]);
    await region.seedToken('fairwayapi_gamma', { team: 'gamma', tokenId: 'gamma' });
    await until('fairwayapi_gamma', 200);
    const other = await call({ method: 'POST', token: 'fairwayapi_gamma', body: createBody('not-mine') });
    expect([other.status, other.body.errors?.[0]?.path]).toEqual([422, 'spec.vpc.uuid']);
    expect((await create('mine', { vpc: { uuid: testVpcId } })).status).toBe(202);
  });

  it('pages through a list in order, with absolute links, and misses nothing when items go meanwhile', async () => {
    const token = 'pager';
    await region.seedToken(token, { team: 'pagers', tokenId: 'pager' });
    await until(token, 200);
    for (let index = 0; index < 5; index += 1)
      expect((await call({ method: 'POST', token, body: createBody(`page-${index}`) })).status).toBe(202);
    const names: string[] = [];
    let path: string | undefined = `${collection}?per_page=2`;
    while (path !== undefined) {
      const page: TestReply = await region.call(1, { path, token });
      const list = listReplySchema.parse(page.body);
      names.push(...list.dedicated_inferences.map(({ name }) => name));
      expect(list.meta.total).toBe(names.length <= 2 ? 5 : 4);
      const next: string | undefined = list.links.pages?.next;
      expect(next === undefined || next.startsWith(region.apis[1]?.url ?? '-')).toBe(true);
      path = next?.slice(region.apis[1]?.url.length);
      const [first] = list.dedicated_inferences;
      if (first?.name !== 'page-0') continue;
      // Its name is released only when it has been torn down: what a page shows shrinks by one at once.
      await region.publishStatus(
        first.id,
        statusDocument({ endpointId: first.id, state: 'gone', observedRevision: 1e9 }),
      );
      expect((await call({ method: 'DELETE', token, path: `${collection}/${first.id}` })).status).toBe(202);
      await eventually(async () => {
        expect((await region.call(1, { token })).body.meta?.total).toBe(4);
      });
    }
    expect(names).toEqual(['page-0', 'page-1', 'page-2', 'page-3', 'page-4']);
    const one = await call({ path: `${collection}?name=page-3&region=atl1`, token });
    expect([one.body.meta?.total, one.body.links]).toEqual([1, {}]);
    expect((await call({ path: `${collection}?region=nyc2`, token })).body.meta?.total).toBe(0);
  });

  it('accepts both dialects', async () => {
    const godo = await call({
      method: 'POST',
      body: { ...createBody('by-godo'), secrets: { hugging_face_token: '' } },
    });
    const dots = await call({
      method: 'POST',
      body: { ...createBody('by-dots', { vpc: undefined }), access_tokens: { hugging_face_token: 'hf_1' } },
    });
    for (const reply of [godo, dots]) {
      expect(reply.status, reply.text).toBe(202);
      expect(createReplySchema.safeParse(reply.body).error).toBeUndefined();
    }
  });

  it('shows what the provisioner reports as soon as it is stored', async () => {
    const made = await create('reported');
    const id = idOf(made);
    const status = statusDocument({ endpointId: id, observedRevision: made.body.dedicated_inference?.revision ?? 0 });
    for (let seq = 1; seq <= 10; seq += 1) {
      await region.publishStatus(id, { ...status, lifecycleSeq: seq });
      const shown = await region.call(seq % 2, { path: `${collection}/${id}` });
      expect(shown.body.dedicated_inference?.lifecycle_seq).toBe(seq);
    }
  });

  it('serves its description without a token', async () => {
    const reply = await call({ path: '/openapi.json', token: '' });
    expect([reply.status, reply.text.includes('"openapi":"3.1.0"')]).toEqual([200, true]);
  });

  it('hands a request id through and makes one for a bad one', async () => {
    expect((await call({ headers: { 'x-request-id': 'mine-1' } })).headers.get('x-request-id')).toBe('mine-1');
    const made = (await call({ headers: { 'x-request-id': 'not good' } })).headers.get('x-request-id');
    expect(made).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    { what: 'no HTTP', head: 'HELLO\r\n\r\n', status: 400, id: 'bad_request' },
    {
      what: 'huge headers',
      head: `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
      status: 431,
      id: 'header_too_large',
    },
  ])('answers $what in its own words', async ({ head, status, id }) => {
    const { hostname, port } = new URL(region.apis[0]?.url ?? '');
    const socket = connect(Number(port), hostname);
    socket.end(head);
    const text = Buffer.concat(await socket.toArray()).toString();
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*x-request-id: [0-9a-f-]{36}[\\s\\S]*"id":"${id}"`));
  });

  it('answers a body that never ends with 413, not with memory', async () => {
    const url = new URL(`${region.apis[0]?.url}${collection}`);
    const agent = new Agent();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = rawRequest(url, {
        agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer fairwayapi_alpha-for-tests' },
      });
      request.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
        request.destroy();
      });
      request.on('error', reject);
      const more = (): void => {
        if (!request.destroyed) request.write('x'.repeat(65_536), () => setImmediate(more));
      };
      more();
    });
    expect(status).toBe(413);
    agent.destroy();
  });
});
