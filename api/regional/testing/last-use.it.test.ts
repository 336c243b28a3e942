import { beforeAll, describe, expect, it } from 'vitest';
import { newTokenReplySchema, tokensReplySchema } from '#shared/contract/parts.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { statusDocument } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { createBody } from './create-body.ts';
import { startTestRegion, testVpcId, type TestRegion } from './region-fixture.ts';

const otherVpcId = '11111111-2222-4333-8444-666666666666';
const nobody = '00000000-0000-8001-8000-000000000000';

describe('when a token was used last', () => {
  let region: TestRegion;
  let router: Nats;
  let elsewhere: Nats;
  const started = endAfterAll();

  beforeAll(async () => {
    const server = await started.use(startRegionNats({ vpcIds: [testVpcId, otherVpcId] }));
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] }));
    const connect = (vpcId: string): Promise<Nats> =>
      started.use(connectNats({ url: server.urlOf({ role: 'router', vpcId }), name: 'router', log: silentLogger() }));
    [router, elsewhere] = [await connect(testVpcId), await connect(otherVpcId)];
  });

  /** An endpoint with a second token, and its days as the API lists them. */
  const endpoint = async (name: string) => {
    const { body } = await region.call(0, { method: 'POST', body: createBody(name) });
    const id = body.dedicated_inference?.id ?? '';
    const path = `/v2/dedicated-inferences/${id}/tokens`;
    const { token } = newTokenReplySchema.parse(
      (await region.call(0, { method: 'POST', path, body: { name: 'ci' } })).body,
    );
    const days = async (at = 0): Promise<(string | undefined)[]> =>
      tokensReplySchema.parse((await region.call(at, { path })).body).tokens.map(({ last_used_on: day }) => day);
    return { id, path, first: body.token?.id ?? '', second: token.id, days };
  };
  const today = (): string => new Date().toISOString().slice(0, 10);
  /** Resolves once the report is stored. */
  const report = async (tokens: Record<string, string[]>, day = today(), nats = router): Promise<void> => {
    const vpcId = nats === router ? testVpcId : otherVpcId;
    await nats.nc.request(subjects.use(vpcId, 'r1'), JSON.stringify({ v: 1, day, tokens }), { timeout: 10_000 });
  };
  const stored = (id: string) => readLast(region.nats, streams.used.name, subjects.used(id));

  it('is a day that a router has told, at every process; absent before, and never sooner than it was', async () => {
    const { id, second, days } = await endpoint('used');
    expect(await days()).toEqual([undefined, undefined]);
    await report({ [id]: [second] }, '2026-01-05');
    expect([await days(0), await days(1)]).toEqual([
      [undefined, '2026-01-05'],
      [undefined, '2026-01-05'],
    ]);
    const { seq } = (await stored(id)) ?? {};
    await report({ [id]: [second] }, '2026-01-04');
    expect([await days(), (await stored(id))?.seq]).toEqual([[undefined, '2026-01-05'], seq]);
    await report({ [id]: [second] }, '2999-01-01');
    expect((await days())[1]).toBe(today());
  });

  it('is told by many routers at once, and goes with the token', async () => {
    const { id, path, first, second, days } = await endpoint('crowded');
    await Promise.all([first, second, first, second].map((tokenId) => report({ [id]: [tokenId] })));
    expect(await days()).toEqual([today(), today()]);
    await region.call(0, { method: 'DELETE', path: `${path}/${second}` });
    await report({ [id]: [first, second] }, '2026-01-05');
    expect(await days()).toEqual([today()]);
  });

  it('is not taken from routers of another VPC, nor for what is no token', async () => {
    const { id, first, days } = await endpoint('elsewhere');
    await report({ [id]: [first] }, today(), elsewhere);
    await report({ [id]: [nobody], [nobody]: [first] });
    expect([await days(), await stored(id), await stored(nobody)]).toEqual([[undefined, undefined], null, null]);
    router.nc.publish(subjects.use(testVpcId, 'r1'), '{"v":1,"day":"yesterday","tokens":{}}');
    await eventually(async () => {
      const texts = await Promise.all(
        region.apis.map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()),
      );
      expect(texts.join('')).toMatch(/token_use_reports_total\{result="unreadable".*\} 1/);
    });
  });

  it('is written with ids alone, and leaves with the endpoint', async () => {
    const { id, first } = await endpoint('leaving');
    await report({ [id]: [first] });
    expect((await stored(id))?.body).toEqual({ v: 1, endpointId: id, days: { [first]: today() } });
    await region.call(0, { method: 'DELETE', path: `/v2/dedicated-inferences/${id}` });
    await region.publishStatus(id, statusDocument({ endpointId: id, state: 'gone' }));
    await eventually(async () => {
      expect((await region.call(0, { path: `/v2/dedicated-inferences/${id}` })).status).toBe(404);
      expect((await stored(id))?.body).toEqual({ v: 1, endpointId: id, days: {} });
    });
    const message = await region.nats.jsm.streams.getMessage(streams.used.name, { last_by_subj: subjects.used(id) });
    expect(message?.header.get('Nats-TTL')).toBe('3600s');
  });
});
