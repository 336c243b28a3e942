import { createServer } from 'node:net';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { streams } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { statusDocument } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { natsUrlOf, startRegionNats, type RegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startTcpProxy } from '#shared/testing/tcp-proxy.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { createBody } from '../regional/testing/create-body.ts';
import { callApi, startTestRegion, type TestReply, type TestRegion } from '../regional/testing/region-fixture.ts';
import { readCentralConfig } from './config.ts';
import { startCentralApi, type CentralApi } from './service.ts';

const collection = '/v2/dedicated-inferences';

describe('the front door', () => {
  const started = endAfterAll();
  let servers: RegionNats[];
  let atlanta: TestRegion;
  let newYork: TestRegion;
  let door: CentralApi;

  const startDoor = (
    regions: string,
    {
      readTimeoutMs,
      natsUrl = servers[0]?.urlOf({ role: 'central' }),
    }: { readTimeoutMs?: number; natsUrl?: string } = {},
  ): Promise<CentralApi> =>
    startCentralApi(
      readCentralConfig({
        FAIRWAY_PORT: '0',
        FAIRWAY_RATE_PER_MINUTE: '1000000',
        FAIRWAY_NATS_URL: natsUrl,
        FAIRWAY_REGIONS: regions,
        FAIRWAY_CONNECT_TIMEOUT_MS: '500',
        ...(readTimeoutMs !== undefined && { FAIRWAY_READ_TIMEOUT_MS: String(readTimeoutMs) }),
      }),
      { log: silentLogger() },
    );
  const call = (request: Parameters<typeof callApi>[1]): Promise<TestReply> => callApi(door.url, request);
  const create = (name: string, region = 'atl1'): Promise<TestReply> =>
    call({ method: 'POST', body: createBody(name, { region }) });

  beforeAll(async () => {
    servers = [await started.use(startRegionNats()), await started.use(startRegionNats({ region: 'nyc2' }))];
    const [first, second] = servers.map(({ url }) => url);
    atlanta = await started.use(startTestRegion({ natsUrl: first ?? '', apiNatsUrls: [first ?? '', first ?? ''] }));
    newYork = await started.use(
      startTestRegion({
        natsUrl: second ?? '',
        apiNatsUrls: [second ?? ''],
        env: { FAIRWAY_REGION: 'nyc2' },
      }),
    );
    const refused = `http://127.0.0.1:${await freePort()}`;
    door = await started.use(
      startDoor(`atl1=${refused}|${atlanta.apis[0]?.url}|${atlanta.apis[1]?.url},nyc2=${newYork.apis[0]?.url}`),
    );
  });

  it('sends a create to the region that it names, and everything else to the region inside the id', async () => {
    for (const region of ['atl1', 'nyc2']) {
      const made = await create(`routed-${region}`, region);
      expect(made.status, made.text).toBe(202);
      expect(made.body.dedicated_inference?.region).toBe(region);
      const id = made.body.dedicated_inference?.id ?? '';
      const shown = await call({ path: `${collection}/${id.toUpperCase()}` });
      expect(shown.body.dedicated_inference).toEqual(made.body.dedicated_inference);
      expect(shown.headers.get('etag')).toBe(made.headers.get('etag'));
      const stale = await call({ method: 'DELETE', path: `${collection}/${id}`, headers: { 'if-match': '"1234567"' } });
      expect([stale.status, stale.body.id]).toEqual([412, 'version_mismatch']);
      expect((await call({ method: 'DELETE', path: `${collection}/${id}` })).status).toBe(202);
    }
  });

  it('shows the sealing key of the region that is asked for, else of the first one', async () => {
    const keyOf = (query: string) => call({ path: `${collection}/sealing-key${query}` });
    for (const [query, region] of [
      ['', 'atl1'],
      ['?region=nyc2', 'nyc2'],
    ] as const)
      expect((await keyOf(query)).body).toMatchObject({ sealing_key: { region } });
    const unknown = await keyOf('?region=tor1');
    expect([unknown.status, unknown.body.errors?.[0]?.path]).toEqual([422, 'region']);
  });

  it('answers HEAD on a list over two regions', async () => {
    const reply = await call({ method: 'HEAD' });
    expect([reply.status, reply.text]).toEqual([200, '']);
  });

  it('follows its own links past deletes, across regions, and misses nothing', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `walk-${index}`);
    for (const [index, name] of names.entries())
      expect((await create(name, index % 2 === 0 ? 'atl1' : 'nyc2')).status).toBe(202);
    const walked: string[] = [];
    let path: string | undefined = `${collection}?per_page=2`;
    while (path !== undefined) {
      const page: TestReply = await call({ path });
      expect(page.status, page.text).toBe(200);
      const items = page.body.dedicated_inferences ?? [];
      walked.push(...items.map(({ name }) => name));
      const first = items[0];
      const region = first?.region === 'nyc2' ? newYork : atlanta;
      if (first?.name.startsWith('walk-') === true && walked.includes('walk-1')) {
        const id = first.id;
        await region.publishStatus(id, statusDocument({ endpointId: id, state: 'gone', observedRevision: 1e9 }));
        expect((await call({ method: 'DELETE', path: `${collection}/${id}` })).status).toBe(202);
        await eventually(async () => expect((await call({ path: `${collection}/${id}` })).status).toBe(404));
      }
      path = page.body.links?.pages?.['next']?.slice(door.url.length);
    }
    expect(walked.filter((name) => name.startsWith('walk-'))).toEqual(names);
  });

  it('reads regions in parallel within one deadline, however deep the page, and names the one that is late', async () => {
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    await using slow = await startDoor(`atl1=${atlanta.apis[0]?.url},nyc2=http://127.0.0.1:${port}`, {
      readTimeoutMs: 1000,
    });
    const asked = callApi(slow.url, { path: `${collection}?page=49&per_page=200` });
    expect(await ownTimeOf(asked)).toBeLessThan(3000);
    const page = await asked;
    expect([page.status, page.body.meta?.unreachable], page.text).toEqual([200, ['nyc2']]);
    silent.close();
  });

  it('passes the request id on, both ways, and the address under which it is known', async () => {
    const headers = {
      'x-request-id': 'from-the-client-1',
      'x-forwarded-host': 'api.example.com:444',
      'x-forwarded-proto': 'https',
    };
    for (const name of ['page-a', 'page-b', 'page-c']) expect((await create(name)).status).toBe(202);
    const listed = await call({ path: `${collection}?region=atl1&per_page=1`, headers });
    expect(listed.headers.get('x-request-id')).toBe('from-the-client-1');
    expect(atlanta.logText()).toContain('from-the-client-1');
    expect(listed.body.links?.pages?.['next']).toMatch(/^https:\/\/api\.example\.com:444\/v2\/dedicated-inferences\?/);
  });

  it('merges lists in order, over pages, with its own links', async () => {
    for (const [index, region] of ['nyc2', 'atl1', 'nyc2', 'atl1'].entries()) await create(`merged-${index}`, region);
    const whole = await call({ path: `${collection}?per_page=200` });
    const names = whole.body.dedicated_inferences?.map(({ name }) => name) ?? [];
    expect(names.filter((name) => name.startsWith('merged-'))).toEqual([
      'merged-0',
      'merged-1',
      'merged-2',
      'merged-3',
    ]);
    const paged: string[] = [];
    let next: string | undefined = `${door.url}${collection}?per_page=2`;
    while (next !== undefined) {
      expect(next.startsWith(door.url)).toBe(true);
      const page = await call({ path: next.slice(door.url.length) });
      paged.push(...(page.body.dedicated_inferences?.map(({ name }) => name) ?? []));
      next = page.body.links?.pages?.['next'];
    }
    expect(paged).toEqual(names);
    expect(whole.body.meta).toEqual({ total: names.length });
  });

  it('refuses a name that the team uses in another region', async () => {
    const holder = await create('one-name', 'nyc2');
    const second = await create('one-name', 'atl1');
    expect([second.status, second.body.id]).toEqual([409, 'name_taken']);
    expect(second.body.details?.['id']).toBe(holder.body.dedicated_inference?.id);
    const tried = await call({ method: 'POST', path: `${collection}?dry_run=true`, body: createBody('one-name') });
    expect([tried.status, tried.body.message]).toEqual([409, second.body.message]);
  });

  it('answers for itself what no region should see', async () => {
    const cases: [Parameters<typeof callApi>[1], number, string][] = [
      [{ token: 'unknown' }, 401, 'unauthorized'],
      [{ path: `${collection}/00000000-0000-8003-8000-000000000000` }, 404, 'not_found'],
      [{ path: `${collection}/00000000-0000-4001-8000-000000000000` }, 404, 'not_found'],
      [{ path: '/v2/droplets' }, 404, 'unknown_route'],
      [{ method: 'POST', body: createBody('far', { region: 'tor1' }) }, 422, 'unprocessable'],
      [{ method: 'POST', body: 'x'.repeat(1_048_577) }, 413, 'request_too_large'],
      [{ headers: { 'x-fairway-hop': '1' } }, 400, 'bad_request'],
      [{ path: `${collection}?page=0` }, 422, 'unprocessable'],
    ];
    for (const [request, status, id] of cases) {
      const reply = await call(request);
      expect([reply.status, reply.body.id], JSON.stringify(request).slice(0, 100)).toEqual([status, id]);
      expect(reply.headers.get('x-request-id')).toBe(reply.body.request_id);
    }
  });

  it('lets a region say everything that is wrong with a create that names none', async () => {
    const reply = await call({ method: 'POST', body: { spec: { name: 'no spaces here' } } });
    expect(reply.status).toBe(422);
    expect(reply.body.errors?.map(({ path }) => path)).toEqual(['spec.name', 'spec.region', 'spec.model_deployments']);
    const put = await call({ method: 'PUT', body: {} });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'POST, GET']);
  });

  it('with a region down: 503 within 2.5 s for its endpoints, the others unharmed, lists without it', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const silentUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const down = `http://127.0.0.1:${await freePort()}`;
    await using lame = await startDoor(`atl1=${atlanta.apis[0]?.url},nyc2=${down}|${down},tor1=${silentUrl}`);
    for (const number of ['002', '003']) {
      const asked = callApi(lame.url, { path: `${collection}/00000000-0000-8${number}-8000-000000000000` });
      expect(await ownTimeOf(asked)).toBeLessThan(2500);
      const reply = await asked;
      expect([reply.status, reply.body.id]).toEqual([503, 'region_unavailable']);
      expect(reply.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    await using hasty = await startDoor(`atl1=${atlanta.apis[0]?.url},nyc2=${down},tor1=${silentUrl}`, {
      readTimeoutMs: 700,
    });
    const listed = await callApi(hasty.url, { path: collection });
    expect([listed.status, listed.body.meta?.unreachable]).toEqual([200, ['nyc2', 'tor1']]);
    const made = await callApi(hasty.url, { method: 'POST', body: createBody('unharmed') });
    expect([made.status, made.headers.get('x-fairway-regions-unasked')]).toEqual([202, 'nyc2, tor1']);
    const refused = await callApi(hasty.url, { method: 'POST', body: createBody('nowhere', { region: 'nyc2' }) });
    expect([refused.status, refused.body.id]).toEqual([503, 'region_unavailable']);
    silent.close();
  });

  it('goes on with the tokens it knows while NATS or IDENTITY is away, and says which', async () => {
    await using server = await startRegionNats();
    await using nats = await connectNats({ url: server.url, name: 'test', log: silentLogger() });
    await makeTestStreams(nats, [streams.identity]);
    await using proxy = await startTcpProxy({ port: Number(new URL(server.url).port) });
    const natsUrl = natsUrlOf(`nats://127.0.0.1:${proxy.port}`, { role: 'central' });
    await using lone = await startDoor(`atl1=${atlanta.apis[0]?.url}`, { natsUrl });
    const told = async (): Promise<unknown> => {
      const reply = await fetch(`${lone.adminUrl}/readyz`);
      return { status: reply.status, ...((await reply.json()) as object) };
    };
    const says = (warnings: unknown) =>
      eventually(async () => expect(await told()).toMatchObject({ status: 200, missing: [], warnings }));
    await says([]);
    proxy.cut();
    await says([expect.stringContaining('NATS cannot be read')]);
    proxy.restore();
    await says([]);
    await nats.jsm.streams.delete(streams.identity.name);
    await says([expect.stringContaining('IDENTITY cannot be read')]);
  });
});
