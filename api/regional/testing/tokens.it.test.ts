import { beforeAll, describe, expect, it } from 'vitest';
import { accessDocumentSchema, writtenAccessSchema } from '#shared/contract/desired.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { storeDocument } from '#shared/testing/store-document.ts';
import { createBody } from './create-body.ts';
import { betaToken, startTestRegion, testVpcId, type TestReply, type TestRegion } from './region-fixture.ts';

const collection = '/v2/dedicated-inferences';
const nobody = '00000000-0000-8001-8000-000000000000';

describe('the tokens of an endpoint', () => {
  const started = endAfterAll();
  let region: TestRegion;

  beforeAll(async () => {
    const server = await started.use(startRegionNats());
    const env = { FAIRWAY_TOKENS_MAX: '24' };
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url], env }));
  });

  const endpoint = async (name: string): Promise<{ id: string; value: string }> => {
    const { body } = await region.call(0, { method: 'POST', body: createBody(name) });
    return { id: body.dedicated_inference?.id ?? '', value: body.token?.value ?? '' };
  };
  const add = (
    id: string,
    name: string,
    parts: { at?: number; key?: string; token?: string } = {},
  ): Promise<TestReply> =>
    region.call(parts.at ?? 0, {
      method: 'POST',
      path: `${collection}/${id}/tokens`,
      body: { name },
      ...(parts.token !== undefined && { token: parts.token }),
      ...(parts.key !== undefined && { headers: { 'idempotency-key': parts.key } }),
    });
  const revoke = (id: string, tokenId = '', at = 0): Promise<TestReply> =>
    region.call(at, { method: 'DELETE', path: `${collection}/${id}/tokens/${tokenId}` });
  const stored = async (id: string) =>
    (await readLast(region.nats, streams.desired.name, subjects.access(testVpcId, id)))?.body;
  const namesOf = async (id: string): Promise<string[]> =>
    accessDocumentSchema.parse(await stored(id)).tokens.map(({ name }) => name);
  const failure = ({ status, body }: TestReply): unknown => [status, body.id];

  it('have values of their own that nothing stores, and go when they are revoked', async () => {
    const { id, value: first } = await endpoint('values');
    const { status, body } = await add(id, 'second');
    expect([status, body.token?.is_managed]).toEqual([202, false]);
    const value = body.token?.value ?? '';
    expect(value).not.toBe(first);
    expect(JSON.stringify(await stored(id))).not.toContain(value);
    expect(await namesOf(id)).toEqual(['auto-generated-during-provisioning', 'second']);
    const gone = await revoke(id, body.token?.id, 1);
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect(await namesOf(id)).toEqual(['auto-generated-during-provisioning']);
    expect((await revoke(id, body.token?.id)).status).toBe(204);
    expect(failure(await revoke(id, nobody))).toEqual([404, 'not_found']);
    const again = await add(id, 'second');
    expect(again.status).toBe(202);
    expect(again.body.token?.value).not.toBe(value);
    expect(region.logText()).not.toContain(value);
  });

  it('are good for what was asked for, in replies as in what routers read', async () => {
    const { id } = await endpoint('scoped');
    const body = {
      name: 'ci',
      models: ['mistral/small'],
      expires_at: '2999-01-01T00:00:00.000Z',
      networks: ['10.0.0.0/8', '2001:db8::/32'],
      group: 'team-a',
      flow_header: 'x-person',
    };
    const path = `${collection}/${id}/tokens`;
    const make = (parts: object): Promise<TestReply> =>
      region.call(0, { method: 'POST', path, body: { ...body, ...parts } });
    expect((await make({})).body.token).toMatchObject(body);
    expect(JSON.parse((await region.call(1, { path })).text)).toMatchObject({ tokens: [{}, body] });
    const { expires_at: expiresAt, flow_header: flowHeader, ...same } = body;
    const [, token] = accessDocumentSchema.parse(await stored(id)).tokens;
    expect(token).toMatchObject({ ...same, expiresAt, flowHeader });
    const wrong = [
      { expires_at: '2000-01-01T00:00:00.000Z' },
      { networks: ['10.0.0.0/33'] },
      { networks: ['home'] },
      { models: [] },
      { group: 'a b' },
      { flow_header: 'X' },
    ];
    for (const parts of wrong) {
      const refused = await make({ name: 'wrong', ...parts });
      expect([refused.status, refused.body.errors?.[0]?.path.split('.')[0]]).toEqual([422, Object.keys(parts)[0]]);
    }
  });

  it('are made once by a retry, with a key and without', async () => {
    const { id } = await endpoint('retries');
    const made = await add(id, 'plain');
    expect((await add(id, 'plain', { at: 1 })).body).toEqual(made.body);
    const keyed = await add(id, 'keyed', { key: 'k-1' });
    await add(id, 'later');
    expect((await add(id, 'keyed', { key: 'k-1', at: 1 })).body).toEqual(keyed.body);
    expect(failure(await add(id, 'other', { key: 'k-1' }))).toEqual([422, 'idempotency_mismatch']);
    expect(failure(await add(id, 'later', { key: 'k-2' }))).toEqual([409, 'name_taken']);
    expect(await namesOf(id)).toEqual(['auto-generated-during-provisioning', 'plain', 'keyed', 'later']);
    const other = await endpoint('retries-too');
    expect((await add(other.id, 'keyed', { key: 'k-1' })).body.token?.value).not.toBe(keyed.body.token?.value);
  });

  it('are all there when many are made and revoked at once, at two processes', async () => {
    const { id } = await endpoint('crowd');
    const names = Array.from({ length: 12 }, (_, index) => `crowd-${index}`);
    const made = await Promise.all(names.map((name, index) => add(id, name, { at: index % 2 })));
    expect(made.map(({ status }) => status)).toEqual(names.map(() => 202));
    expect((await namesOf(id)).toSorted()).toEqual(['auto-generated-during-provisioning', ...names].toSorted());
    const gone = await Promise.all(made.slice(0, 6).map(({ body }, index) => revoke(id, body.token?.id, index % 2)));
    expect(gone.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 204));
    expect(await namesOf(id)).toHaveLength(7);
  });

  it('are made at once: no change of the endpoint is waited for', async () => {
    const { id } = await endpoint('hasty');
    const path = `${collection}/${id}/tokens`;
    const reply = await region.call(0, { method: 'POST', path, body: { name: 'x' }, headers: { prefer: 'wait=20' } });
    expect([reply.status, reply.headers.get('preference-applied')]).toEqual([202, null]);
  });

  it('are bounded in number, and so is the list of their changes', async () => {
    const { id } = await endpoint('bounded');
    let last: TestReply | undefined;
    for (let index = 0; index < 24; index += 1) last = await add(id, `bounded-${index}`);
    expect(last && failure(last)).toEqual([422, 'unprocessable']);
    expect(last?.body.message).toContain('no more than 24');
    for (let index = 0; index < 12; index += 1) {
      const { tokens } = accessDocumentSchema.parse(await stored(id));
      expect((await revoke(id, tokens.at(-1)?.tokenId)).status).toBe(204);
    }
    expect(writtenAccessSchema.parse(await stored(id)).intents).toHaveLength(32);
  });

  it('keep what a newer process has written on them', async () => {
    const { id } = await endpoint('newer');
    const [token] = accessDocumentSchema.parse(await stored(id)).tokens;
    const newer = { ...((await stored(id)) as object), tokens: [{ ...token, budget: { monthly: 5 } }] };
    await storeDocument(region.nats, { subject: subjects.access(testVpcId, id), body: newer });
    expect((await add(id, 'second')).status).toBe(202);
    expect(await stored(id)).toMatchObject({ tokens: [{ budget: { monthly: 5 } }, { name: 'second' }] });
  });

  it('are of one team, need a scope each, and end with the endpoint', async () => {
    const { id } = await endpoint('scoped');
    for (const reply of [
      await add(id, 'foreign', { token: betaToken }),
      await region.call(0, { path: `${collection}/${id}/tokens`, token: betaToken }),
      await region.call(0, { method: 'DELETE', path: `${collection}/${id}/tokens/${nobody}`, token: betaToken }),
    ])
      expect(failure(reply)).toEqual([404, 'not_found']);
    await region.seedToken('fairwayapi_reader', {
      scopes: ['dedicated_inference:read', 'dedicated_inference_tokens:read'],
    });
    await eventually(async () => expect((await region.call(0, { token: 'fairwayapi_reader' })).status).toBe(200));
    const list = { path: `${collection}/${id}/tokens`, token: 'fairwayapi_reader' };
    expect((await region.call(0, list)).status).toBe(200);
    expect(failure(await region.call(0, { ...list, method: 'POST', body: { name: 'x' } }))).toEqual([403, 'forbidden']);
    await region.call(0, { method: 'DELETE', path: `${collection}/${id}` });
    expect(failure(await add(id, 'late'))).toEqual([409, 'endpoint_deleting']);
  });
});
