import { beforeAll, describe, expect, it } from 'vitest';
import { writtenAccessSchema, type WrittenAccess } from '#shared/contract/desired.ts';
import { newTokenReplySchema, tokensReplySchema } from '#shared/contract/parts.ts';
import type { TokenReply } from '#shared/contract/resource.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { storeDocument } from '#shared/testing/store-document.ts';
import { createBody } from './create-body.ts';
import {
  alphaToken,
  betaToken,
  startTestRegion,
  testVpcId,
  type TestReply,
  type TestRegion,
} from './region-fixture.ts';

const hourMs = 60 * 60 * 1000;
const nobody = '00000000-0000-8001-8000-000000000000';

describe('the rotation of a token', () => {
  let offsetMs = 0;
  let region: TestRegion;
  const now = (): number => Date.now() + offsetMs;
  const started = endAfterAll();

  beforeAll(async () => {
    const server = await started.use(startRegionNats());
    const apiNatsUrls = [server.url, server.url];
    const clock = { ...systemClock, now };
    const env = { FAIRWAY_TOKENS_MAX: '6' };
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls, clock, env }));
  });

  /** An endpoint with a token of that scope, and where its tokens are. */
  const endpoint = async (name: string, scope: object = {}): Promise<{ id: string; path: string; old: TokenReply }> => {
    const { body } = await region.call(0, { method: 'POST', body: createBody(name) });
    const id = body.dedicated_inference?.id ?? '';
    const path = `/v2/dedicated-inferences/${id}/tokens`;
    const made = await region.call(0, { method: 'POST', path, body: { name: 'ci', ...scope } });
    return { id, path, old: newTokenReplySchema.parse(made.body).token };
  };
  interface Rotation {
    body?: object;
    key?: string;
    at?: number;
    token?: string;
  }
  const rotate = (path: string, tokenId: string, { body, key, at = 0, token = alphaToken }: Rotation = {}) =>
    region.call(at, {
      method: 'POST',
      path: `${path}/${tokenId}/rotate`,
      token,
      ...(body !== undefined && { body }),
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });
  const tokenOf = ({ status, text, body }: TestReply): TokenReply => {
    expect(status, text).toBe(202);
    return newTokenReplySchema.parse(body).token;
  };
  const stored = async (id: string): Promise<WrittenAccess> =>
    writtenAccessSchema.parse(
      (await readLast(region.nats, streams.desired.name, subjects.access(testVpcId, id)))?.body,
    );
  const listed = async (path: string) => tokensReplySchema.parse((await region.call(1, { path })).body).tokens.slice(1);
  const failure = ({ status, body }: TestReply): unknown => [status, body.id];

  it('makes a successor that is good for the same, and lets the old one end a day later, in one commit', async () => {
    const scope = { models: ['a/b'], networks: ['10.0.0.0/8'], group: 'team-a', flow_header: 'x-person' };
    const { id, path, old } = await endpoint('scoped', scope);
    const before = await stored(id);
    const newer = before.tokens.map((token) => ({ ...token, budget: { monthly: 5 } }));
    await storeDocument(region.nats, { subject: subjects.access(testVpcId, id), body: { ...before, tokens: newer } });
    const next = tokenOf(await rotate(path, old.id));
    expect(next).toMatchObject({ ...scope, name: 'ci', is_managed: false });
    expect([next.id === old.id, next.value === old.value, next.expires_at]).toEqual([false, false, undefined]);
    const after = await stored(id);
    const { value } = next;
    expect(JSON.stringify(after)).not.toContain(value);
    expect(after.intents.at(-1)).toMatchObject({ verb: 'rotate_token', actor: 'token-of-alpha', revision: null });
    expect(after.intents).toHaveLength(before.intents.length + 1);
    expect(after.tokens.slice(1)).toMatchObject([
      { tokenId: old.id, replacedBy: next.id, budget: { monthly: 5 } },
      { tokenId: next.id, budget: { monthly: 5 } },
    ]);
    const [ending, successor] = await listed(path);
    expect(successor).not.toHaveProperty('expires_at');
    expect(ending?.replaced_by).toBe(next.id);
    const overlapMs = Date.parse(ending?.expires_at ?? '') - Date.parse(next.created_at);
    expect(overlapMs).toBe(24 * hourMs);
  });

  it('is done once, however often it is asked for, with a key and without', async () => {
    const { path, old } = await endpoint('retried');
    const first = await rotate(path, old.id, { body: { overlap_seconds: 60 } });
    expect((await rotate(path, old.id, { body: { overlap_seconds: 60 }, at: 1 })).body).toEqual(first.body);
    const { id: second } = tokenOf(first);
    expect(failure(await rotate(path, old.id, { body: { overlap_seconds: 61 } }))).toEqual([409, 'conflict']);
    const keyed = await Promise.all([0, 1].map((at) => rotate(path, second, { key: 'k-1', at })));
    expect(keyed[1]?.body).toEqual(keyed[0]?.body);
    expect(failure(await rotate(path, second, { key: 'k-1', body: { overlap_seconds: 1 } }))).toEqual([
      422,
      'idempotency_mismatch',
    ]);
    expect((await listed(path)).map(({ replaced_by: next }) => next === undefined)).toEqual([false, false, true]);
    const third = tokenOf(keyed[0] as TestReply).id;
    expect((await region.call(0, { method: 'DELETE', path: `${path}/${third}` })).status).toBe(204);
    expect(failure(await rotate(path, second, { key: 'k-1' }))).toEqual([404, 'not_found']);
  });

  it('gives the successor as long a life, or the one that is asked for, and never prolongs the old one', async () => {
    const { path, old } = await endpoint('lasting', { expires_at: new Date(now() + hourMs).toISOString() });
    const next = tokenOf(await rotate(path, old.id, { body: { overlap_seconds: 7200 } }));
    const life = ({ expires_at: end = '', created_at: begin }: TokenReply): number =>
      Date.parse(end) - Date.parse(begin);
    expect(life(next)).toBe(life(old));
    expect((await listed(path))[0]?.expires_at).toBe(old.expires_at);
    const end = '2999-01-01T00:00:00.000Z';
    expect(tokenOf(await rotate(path, next.id, { body: { expires_at: end } })).expires_at).toBe(end);
  });

  it('without an overlap is a revocation; with one the old token leaves the list when it is over, and makes room', async () => {
    const { id, path, old } = await endpoint('over');
    const second = tokenOf(await rotate(path, old.id, { body: { overlap_seconds: 0 } }));
    expect((await listed(path)).map((token) => token.id)).toEqual([second.id]);
    let last = second;
    for (let round = 0; round < 4; round += 1) last = tokenOf(await rotate(path, last.id));
    expect(failure(await rotate(path, last.id))).toEqual([422, 'unprocessable']);
    last = tokenOf(await rotate(path, last.id, { body: { overlap_seconds: 0 } }));
    offsetMs += 25 * hourMs;
    expect((await listed(path)).map((token) => token.id)).toEqual([last.id]);
    const next = tokenOf(await rotate(path, last.id));
    expect((await stored(id)).tokens.map(({ tokenId }) => tokenId).slice(1)).toEqual([last.id, next.id]);
  });

  it('says what does not fit', async () => {
    const { id, path, old } = await endpoint('refused');
    for (const body of [
      { overlap_seconds: -1 },
      { overlap_seconds: 2_592_001 },
      { overlap: 5 },
      { expires_at: '2000-01-01T00:00:00Z' },
    ])
      expect(failure(await rotate(path, old.id, { body }))).toEqual([422, 'unprocessable']);
    expect(failure(await rotate(path, nobody))).toEqual([404, 'not_found']);
    expect(failure(await rotate(path, old.id, { token: betaToken }))).toEqual([404, 'not_found']);
    await region.seedToken('fairwayapi_maker', { scopes: ['dedicated_inference_tokens:create'] });
    await eventually(async () =>
      expect(failure(await rotate(path, old.id, { token: 'fairwayapi_maker' }))).toEqual([403, 'forbidden']),
    );
    await region.call(0, { method: 'DELETE', path: `/v2/dedicated-inferences/${id}` });
    expect(failure(await rotate(path, old.id))).toEqual([409, 'endpoint_deleting']);
    expect(region.logText()).not.toContain(old.value ?? 'no value');
  });
});
