import { beforeAll, describe, expect, it } from 'vitest';
import { streams } from '#shared/contract/subjects.ts';
import { writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { statusDocument } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { startRegionNats, type RegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { isPubAck, startTcpProxy, type TcpProxy } from '#shared/testing/tcp-proxy.ts';
import { createBody } from './create-body.ts';
import { betaToken, startTestRegion, type TestReply, type TestRegion, type TestRequest } from './region-fixture.ts';

const collection = '/v2/dedicated-inferences';

describe('the endpoints of a team', () => {
  const started = endAfterAll();

  it('are bounded in number, each team for itself, retries and deletes aside', async () => {
    const server = await started.use(startRegionNats());
    const env = { FAIRWAY_ENDPOINTS_MAX: '2' };
    const region = await started.use(
      startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url], env }),
    );
    const create = (name: string, parts: Partial<TestRequest> = {}): Promise<TestReply> =>
      region.call(0, { method: 'POST', body: createBody(name), ...parts });
    const [first, second] = [
      await create('first'),
      await region.call(1, { method: 'POST', body: createBody('second') }),
    ];
    expect([first.status, second.status]).toEqual([202, 202]);
    for (const path of [collection, `${collection}?dry_run=true`]) {
      // Of the one that the other process has stored, this one hears in a moment.
      await eventually(async () => expect((await create('third', { path })).status).toBe(422));
      const refused = await create('third', { path });
      expect(refused.body.message).toBe(
        'The team has 2 endpoints, and no more than 2 are possible here. Delete one, or ask the operator.',
      );
    }
    expect((await create('first')).body.token?.value).toBe(first.body.token?.value);
    expect((await create('first', { token: betaToken })).status).toBe(202);
    const text = await (await fetch(`${region.apis[0]?.adminUrl}/metrics`)).text();
    expect(text).toMatch(/fairway_api_refused_total\{reason="endpoints_max".*\} [1-9]/);
    const id = second.body.dedicated_inference?.id ?? '';
    await region.publishStatus(id, statusDocument({ endpointId: id, state: 'gone', observedRevision: 1e9 }));
    expect((await region.call(0, { method: 'DELETE', path: `${collection}/${id}` })).status).toBe(202);
    await eventually(async () => expect((await create('third')).status).toBe(202));
  });
});

describe('the regional API at its limits', () => {
  let server: RegionNats;
  let proxy: TcpProxy;
  let region: TestRegion;

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startRegionNats());
    proxy = await started.use(startTcpProxy({ port: Number(new URL(server.url).port) }));
    region = await started.use(
      startTestRegion({
        natsUrl: server.url,
        apiNatsUrls: [`nats://127.0.0.1:${proxy.port}`],
        env: { FAIRWAY_PENDING_MAX: '4' },
      }),
    );
  });

  const create = (name: string): Promise<TestReply> => region.call(0, { method: 'POST', body: createBody(name) });
  const scale = (id: string, count: number): Promise<TestReply> => {
    const accelerators = [{ scale: count, type: 'prefill_decode', accelerator_slug: 'gpu-mi300x1-192gb' }];
    const body = { spec: { model_deployments: [{ accelerators }] } };
    return region.call(0, { method: 'PATCH', path: `${collection}/${id}`, body, headers: { 'if-match': '*' } });
  };
  const remove = (id: string): Promise<TestReply> => region.call(0, { method: 'DELETE', path: `${collection}/${id}` });
  const idOf = (reply: TestReply): string => reply.body.dedicated_inference?.id ?? '';

  it('refuses more pending changes than its bound with 503 and Retry-After, and loses none of the others', async () => {
    proxy.swallow(1000, isPubAck);
    const replies = await Promise.all(Array.from({ length: 12 }, (_, index) => create(`many-${index}`)));
    proxy.swallow(0, () => false);
    const refused = replies.filter(({ status }) => status === 503);
    expect(new Set(refused.map(({ body }) => body.id))).toEqual(new Set(['overloaded']));
    expect(refused).toHaveLength(8);
    for (const reply of refused) expect(Number(reply.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    for (const reply of replies.filter(({ status }) => status === 202))
      expect((await region.call(0, { path: `${collection}/${idOf(reply)}` })).status).toBe(200);
  });

  it('answers no read with an old state: 503 within the barrier while NATS is silent, 200 afterwards', async () => {
    const id = idOf(await create('frozen'));
    proxy.freeze();
    const asked = region.call(0, { path: `${collection}/${id}` });
    expect(await ownTimeOf(asked)).toBeLessThan(2500);
    const reply = await asked;
    expect([reply.status, reply.body.id]).toEqual([503, 'unavailable']);
    expect(reply.headers.get('retry-after')).toBe('1');
    proxy.restore();
    await eventually(async () => expect((await region.call(0, { path: `${collection}/${id}` })).status).toBe(200));
  });

  it('takes creates and changes until 80 % of the log, and deletes always', async () => {
    const id = idOf(await create('before'));
    for (let index = 0; index < 20; index += 1) {
      const filler = { subject: `fairway.name.filler.${index}`, body: 'x'.repeat(10_000), expectedSeq: 0 };
      expect((await writeDocuments(region.nats, [filler], '')).kind).toBe('stored');
    }
    const { state } = await region.nats.jsm.streams.info(streams.desired.name);
    await makeTestStreams(region.nats, [{ ...streams.desired, maxBytes: Math.floor(state.bytes / 0.85) }]);
    await eventually(async () => expect((await create('too-late')).body.id).toBe('store_full'));
    const full = await create('too-late');
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '30']);
    const scaled = await scale(id, 5);
    expect([scaled.status, scaled.body.id]).toEqual([503, 'store_full']);
    expect((await remove(id)).status).toBe(202);
    await makeTestStreams(region.nats, [streams.desired]);
    await eventually(async () => expect((await create('room-again')).status).toBe(202));
  });

  it('keeps answering when the stores of events and audit are gone', async () => {
    await region.nats.jsm.streams.delete(streams.events.name);
    await region.nats.jsm.streams.delete(streams.audit.name);
    const made = await create('untold');
    expect(made.status, made.text).toBe(202);
    expect((await remove(idOf(made))).status).toBe(202);
    await makeTestStreams(region.nats, [streams.events, streams.audit]);
    await eventually(async () => {
      const { state } = await region.nats.jsm.streams.info(streams.audit.name);
      expect(state.messages).toBeGreaterThanOrEqual(2);
    });
  });

  it('parks a document of a newer version: it is not shown wrongly, not overwritten, and nothing else suffers', async () => {
    const id = idOf(await create('from-the-future'));
    const { seq } = (await region.nats.jsm.streams.getMessage(streams.desired.name, {
      last_by_subj: `fairway.spec.${id}`,
    })) ?? { seq: 0 };
    const future = { v: 2, kind: 'spec', endpointId: id };
    await writeDocuments(region.nats, [{ subject: `fairway.spec.${id}`, body: future, expectedSeq: seq }], '');
    const read = await region.call(0, { path: `${collection}/${id}` });
    for (const reply of [read, await scale(id, 4), await remove(id)])
      expect([reply.status, reply.body.id], reply.text).toEqual([503, 'unavailable']);
    expect(region.logText()).toContain('document.parked');
    expect((await create('unharmed')).status).toBe(202);
  });

  it('shows what it does in its metrics, and when it is ready', async () => {
    const admin = region.apis[0]?.adminUrl ?? '';
    expect((await fetch(`${admin}/readyz`)).status).toBe(200);
    const text = await (await fetch(`${admin}/metrics`)).text();
    for (const line of [
      /fairway_api_commits_total\{result="committed".*\} [1-9]/,
      /fairway_api_audit_due\{.*\} \d/,
      /fairway_api_refused_total\{reason="overloaded".*\} 8/,
      /fairway_api_refused_total\{reason="store_full".*\} [1-9]/,
      /fairway_api_requests_total\{operation="dedicatedInferences_create",status="202".*\} [1-9]/,
    ])
      expect(text).toMatch(line);
    proxy.cut();
    await eventually(async () => expect((await fetch(`${admin}/readyz`)).status).toBe(503));
    proxy.restore();
    await eventually(async () => expect((await fetch(`${admin}/readyz`)).status).toBe(200));
  });
});
