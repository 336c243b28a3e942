import { beforeAll, describe, expect, it } from 'vitest';
import { specDocumentSchema } from '#shared/contract/desired.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { createBody } from './create-body.ts';
import { betaToken, startTestRegion, type TestRegion, type TestReply } from './region-fixture.ts';

describe('routing settings of an endpoint', () => {
  const started = endAfterAll();
  let region: TestRegion;
  let id: string;
  beforeAll(async () => {
    const server = await started.use(startRegionNats());
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] }));
    const made = await region.call(0, { method: 'POST', body: createBody('routed') });
    id = made.body.dedicated_inference?.id ?? '';
  });

  const path = (): string => `/v2/dedicated-inferences/${id}/routing`;
  const put = (body: unknown, headers: Record<string, string> = {}): Promise<TestReply> =>
    region.call(0, { method: 'PUT', path: path(), body, headers });
  const get = (): Promise<TestReply> => region.call(1, { path: path() });
  const stored = async () => {
    const last = await readLast(region.nats, streams.desired.name, subjects.spec(id));
    return specDocumentSchema.parse(last?.body);
  };

  it('are what was said last, whole; the version of the spec does not count them', async () => {
    expect((await get()).text).toBe('{"routing":{}}');
    const { version } = await stored();
    const all = {
      policy: 'least_in_flight',
      session_header: 'x-conversation',
      strip_billing_block: true,
      reason_header: true,
      choices_max: 4,
      output_tokens_max: 4096,
    };
    const said = await put(all);
    expect([said.status, said.headers.get('etag')]).toEqual([202, (await get()).headers.get('etag')]);
    expect(JSON.parse((await get()).text)).toEqual({ routing: all });
    expect((await stored()).routing).toMatchObject({ sessionHeader: 'x-conversation', choicesMax: 4 });
    await put({ reason_header: true });
    expect((await get()).text).toBe('{"routing":{"reason_header":true}}');
    expect(await stored()).toMatchObject({ version, routing: { reasonHeader: true } });
    expect((await stored()).intents.at(-1)).toMatchObject({ verb: 'update', actor: 'token-of-alpha' });
  });

  it('change once for one Idempotency-Key, and not under a stale If-Match', async () => {
    const before = (await get()).headers.get('etag') ?? '';
    const key = { 'idempotency-key': 'once' };
    const first = await put({ choices_max: 2 }, key);
    await put({ choices_max: 3 });
    const again = await put({ choices_max: 2 }, key);
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
    expect((await get()).text).toBe('{"routing":{"choices_max":3}}');
    expect((await put({ choices_max: 9 }, key)).status).toBe(422);
    expect((await put({}, { 'if-match': before })).status).toBe(412);
    const same = await put({ choices_max: 3 });
    expect(same.headers.get('etag')).toBe((await get()).headers.get('etag'));
  });

  it('are checked whole, and are nobody else’s', async () => {
    const wrong = await put({ policy: 'random', session_header: 'X Y', choices_max: 0, other: 1 });
    expect([wrong.status, wrong.body.errors?.map((problem) => problem.path).toSorted()]).toEqual([
      422,
      ['choices_max', 'other', 'policy', 'session_header'],
    ]);
    for (const method of ['GET', 'PUT'])
      expect(
        (await region.call(0, { method, path: path(), token: betaToken, ...(method === 'PUT' && { body: {} }) }))
          .status,
      ).toBe(404);
  });
});
