import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { accessSchema } from '#shared/contract/desired.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { deriveKey, keyedHash } from '#shared/runtime/keyed-hash.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { statusDocument } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats, type RegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { createBody } from './create-body.ts';
import { startTestRegion, testVpcId, type TestReply, type TestRegion } from './region-fixture.ts';

const collection = '/v2/dedicated-inferences';
const hourMs = 60 * 60 * 1000;

describe('at most once', () => {
  let server: RegionNats;
  let region: TestRegion;
  let offsetMs = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + offsetMs };

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startRegionNats());
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url], clock }));
  });

  let turn = 0;
  const send = ([method, path]: [string, string], body?: unknown, key?: string): Promise<TestReply> => {
    turn += 1;
    // Nothing is carried out here: each change supersedes the one before.
    const headers = {
      ...(method === 'PATCH' && { 'if-match': '*' }),
      ...(key !== undefined && { 'idempotency-key': key }),
    };
    return region.call(turn % 2, { method, path, body, headers });
  };
  const create = (name: string, key?: string, spec: Record<string, unknown> = {}): Promise<TestReply> =>
    send(['POST', collection], createBody(name, spec), key);
  const scale = (id: string, count: number, key?: string): Promise<TestReply> => {
    const accelerators = [{ scale: count, type: 'prefill_decode', accelerator_slug: 'gpu-mi300x1-192gb' }];
    return send(['PATCH', `${collection}/${id}`], { spec: { model_deployments: [{ accelerators }] } }, key);
  };
  const idOf = (reply: TestReply): string => reply.body.dedicated_inference?.id ?? '';

  it('gives a keyed create the same answer again, also after many later changes', async () => {
    const first = await create('keyed', 'key-1');
    expect(first.status, first.text).toBe(202);
    expect((await create('keyed', 'key-1')).text).toBe(first.text);
    for (let count = 3; count < 43; count += 1) expect((await scale(idOf(first), count)).status).toBe(202);
    const late = await create('keyed', 'key-1');
    expect([late.status, late.text, late.headers.get('etag')]).toEqual([202, first.text, first.headers.get('etag')]);
    const mismatch = await create('keyed', 'key-1', { enable_public_endpoint: false });
    expect([mismatch.status, mismatch.body.id]).toEqual([422, 'idempotency_mismatch']);
    expect((await send(['GET', `${collection}?name=keyed`])).body.meta?.total).toBe(1);
    // More intents than a spec remembers, and a line of each.
    const subject = subjects.audit('spec', idOf(first));
    await eventually(async () => {
      const { state } = await region.nats.jsm.streams.info(streams.audit.name, { subjects_filter: subject });
      expect(state.subjects).toEqual({ [subject]: 41 });
    });
  });

  it('keeps keys of teams apart', async () => {
    const headers = { 'idempotency-key': 'shared-key' };
    const call = (token: string): Promise<TestReply> =>
      region.call(0, { method: 'POST', body: createBody('same-name'), headers, token });
    const [alpha, beta] = [await call('fairwayapi_alpha-for-tests'), await call('fairwayapi_beta-for-tests')];
    expect([alpha.status, beta.status]).toEqual([202, 202]);
    expect(idOf(alpha)).not.toBe(idOf(beta));
    expect(alpha.body.token?.value).not.toBe(beta.body.token?.value);
  });

  it('gives a keyed change its revision again, and takes effect once', async () => {
    const id = idOf(await create('changed'));
    const first = await scale(id, 7, 'change-1');
    await scale(id, 8);
    const again = await scale(id, 7, 'change-1');
    expect([again.status, again.headers.get('etag')]).toEqual([202, first.headers.get('etag')]);
    expect(again.body.dedicated_inference?.replicas.desired).toBe(8);
    const mismatch = await scale(id, 9, 'change-1');
    expect([mismatch.status, mismatch.body.id]).toEqual([422, 'idempotency_mismatch']);
    const removed = await send(['DELETE', `${collection}/${id}`], undefined, 'remove-1');
    const removedAgain = await send(['DELETE', `${collection}/${id}`], undefined, 'remove-1');
    expect([removed.status, removedAgain.status]).toEqual([202, 202]);
    expect(removedAgain.headers.get('etag')).toBe(removed.headers.get('etag'));
    expect((await scale(id, 7, 'change-1')).status).toBe(202);
  });

  it('honours a key for 24 hours', async () => {
    const first = await create('day-one', 'daily');
    offsetMs += 23 * hourMs;
    expect((await create('day-one', 'daily')).text).toBe(first.text);
    offsetMs += 2 * hourMs;
    const next = await create('day-two', 'daily');
    expect(next.status, next.text).toBe(202);
    expect(idOf(next)).not.toBe(idOf(first));
    expect((await create('day-two', 'daily')).text).toBe(next.text);
    const id = idOf(next);
    const scaled = await scale(id, 4, 'daily-scale');
    offsetMs += 25 * hourMs;
    await scale(id, 5);
    const later = await scale(id, 4, 'daily-scale');
    expect(later.status, later.text).toBe(202);
    expect(later.body.dedicated_inference?.revision).toBeGreaterThan(scaled.body.dedicated_inference?.revision ?? 0);
    expect(later.body.dedicated_inference?.replicas.desired).toBe(4);
  });

  it('takes an equal POST without a key for a retry: same endpoint, same token', async () => {
    const first = await create('retried');
    expect((await create('retried')).text).toBe(first.text);
    const both = await Promise.all([create('at-once'), create('at-once')]);
    expect(both.map(({ status }) => status)).toEqual([202, 202]);
    expect(both[0]?.text).toBe(both[1]?.text);
  });

  it('takes it for a name conflict when anything differs, or later, or after a change', async () => {
    const first = await create('taken');
    const taken = async (reply: Promise<TestReply>): Promise<void> => {
      const { status, body } = await reply;
      expect([status, body.id, body.details?.['id']]).toEqual([409, 'name_taken', idOf(first)]);
    };
    await taken(create('taken', undefined, { enable_public_endpoint: false }));
    await taken(create('taken', 'a-key-of-its-own'));
    await region.seedToken('fairwayapi_other', { tokenId: 'other' });
    await eventually(async () => expect((await region.call(0, { token: 'fairwayapi_other' })).status).toBe(200));
    await taken(region.call(0, { method: 'POST', body: createBody('taken'), token: 'fairwayapi_other' }));
    offsetMs += 9 * 60 * 1000;
    expect((await create('taken')).status).toBe(202);
    offsetMs += 2 * 60 * 1000;
    await taken(create('taken'));
    const changed = await create('changed-since');
    await scale(idOf(changed), 6);
    expect((await create('changed-since')).status).toBe(409);
  });

  it('stores the first token as the hash that the router looks up', async () => {
    const made = await create('hashed');
    const last = await readLast(region.nats, streams.desired.name, subjects.access(testVpcId, idOf(made)));
    const access = accessSchema.parse(last?.body);
    const key = deriveKey(Buffer.alloc(32, 7), 'access-token-hash');
    expect(access).toMatchObject({
      kind: 'access',
      tokens: [{ tokenId: made.body.token?.id, hash: keyedHash(key, made.body.token?.value ?? '') }],
      hosts: { public: expect.stringMatching(/^[0-9a-z]{25}-public-/), private: expect.stringMatching(/-private-/) },
    });
  });

  it('lets neither a secret nor a token value reach the store, the log or another reply', async () => {
    const secret = 'hf_plain-value-never-stored';
    const body = { ...createBody('secretive'), access_tokens: { hugging_face_token: secret } };
    const made = await send(['POST', collection], body, 'secret-1');
    expect(made.status, made.text).toBe(202);
    const value = made.body.token?.value ?? '-';
    const shown = await send(['GET', `${collection}/${idOf(made)}`]);
    const listed = await send(['GET', collection]);
    await send(['POST', collection], { ...body, access_tokens: { hugging_face_token: secret, x: 1 } });
    await send(['PATCH', `${collection}/${idOf(made)}`], { secrets: { hugging_face_token: secret } });
    const spec = await readLast(region.nats, streams.desired.name, subjects.spec(idOf(made)));
    expect(spec?.body).toMatchObject({ sealedHuggingFaceToken: { enc: expect.any(String), ct: expect.any(String) } });
    const stored = await storedBytes(server);
    expect(stored).toContain('secretive');
    for (const text of [stored, region.logText(), shown.text, listed.text]) {
      expect(text.includes(secret)).toBe(false);
      expect(text.includes(value)).toBe(false);
    }
    expect(made.text.includes(secret)).toBe(false);
  });

  it('never gives a revoked token again, also when its key comes back after the tombstone has gone', async () => {
    const first = await create('comes-back', 'key-of-old');
    const id = idOf(first);
    expect((await send(['DELETE', `${collection}/${id}`])).status).toBe(202);
    await region.publishStatus(id, statusDocument({ endpointId: id, state: 'gone', observedRevision: 1e9 }));
    await eventually(async () => expect((await send(['GET', `${collection}/${id}`])).status).toBe(404));
    await region.nats.jsm.streams.purge(streams.desired.name, { filter: subjects.spec(id) });
    offsetMs += 31 * 24 * hourMs;
    const again = await create('comes-back', 'key-of-old');
    expect([again.status, idOf(again)], again.text).toEqual([202, id]);
    expect(again.body.token?.id).not.toBe(first.body.token?.id);
    expect(again.body.token?.value).not.toBe(first.body.token?.value);
    const access = accessSchema.parse(
      (await readLast(region.nats, streams.desired.name, subjects.access(testVpcId, id)))?.body,
    );
    expect(access).toMatchObject({ kind: 'access', tokens: [{ tokenId: again.body.token?.id }] });
    expect((await create('comes-back', 'key-of-old')).text).toBe(again.text);
  });
});

/** Every byte that nats-server keeps on disk. */
async function storedBytes(server: RegionNats): Promise<string> {
  const entries = await readdir(server.folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')));
  return texts.join('\n');
}
