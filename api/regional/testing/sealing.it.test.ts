import { beforeAll, describe, expect, it } from 'vitest';
import { commandReplySchema } from '#shared/contract/commands.ts';
import { clientSealInfo, specDocumentSchema, type SpecDocument } from '#shared/contract/desired.ts';
import { sealingKeyReplySchema, type SealingKeyReply } from '#shared/contract/parts.ts';
import { createReplySchema } from '#shared/contract/resource.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { createSealKeys, open, seal } from '#shared/runtime/seal.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { createBody } from './create-body.ts';
import { alphaToken, betaToken, startTestRegion, type TestRegion } from './region-fixture.ts';

const secret = 'hf_of-a-test';

describe('a secret that its client has sealed', () => {
  let region: TestRegion;
  let keys: { publicKey: string; privateKey: string };
  const started = endAfterAll();

  beforeAll(async () => {
    keys = await createSealKeys();
    const server = await started.use(startRegionNats());
    const env = { FAIRWAY_SEAL_PUBLIC_KEY: keys.publicKey };
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url], env }));
  });

  const ask = async (verb: string, content: object = {}, team = 'alpha') => {
    const token = team === 'alpha' ? alphaToken : betaToken;
    const subject = subjects.command(team, 'atl1', verb);
    const reply = await region.nats.nc.request(subject, JSON.stringify({ v: 1, token, ...content }), {
      timeout: 20_000,
    });
    return commandReplySchema.parse(reply.json());
  };
  const sealed = async ({ key_id, public_key: key, info }: SealingKeyReply['sealing_key'], text = secret) => ({
    sealed_hugging_face_token: { key_id, ...(await seal(text, info, key)) },
  });
  const keyOf = async (team?: string) =>
    sealingKeyReplySchema.parse((await ask('sealing_key', {}, team)).body).sealing_key;
  const stored = async (id: string): Promise<SpecDocument> =>
    specDocumentSchema.parse((await readLast(region.nats, streams.desired.name, subjects.spec(id)))?.body);
  const problemsOf = (body: unknown): unknown => (body as { errors?: unknown }).errors;

  it('is taken over NATS and REST as it is, and opens for its team alone', async () => {
    const key = await keyOf();
    expect(key).toMatchObject({ region: 'atl1', public_key: keys.publicKey });
    const { body } = await region.call(0, { path: '/v2/dedicated-inferences/sealing-key?region=atl1' });
    expect(body).toEqual({ sealing_key: key });
    const made = await ask('create', { body: { ...createBody('sealed'), access_tokens: await sealed(key) } });
    expect(made.status, JSON.stringify(made.body)).toBe(202);
    const { id } = createReplySchema.parse(made.body).dedicated_inference;
    const { sealedHuggingFaceToken: first } = await stored(id);
    expect(first?.by).toBe('client');
    const reveal = (one: typeof first, team: string): Promise<string> =>
      open(one ?? { enc: '', ct: '' }, clientSealInfo({ region: 'atl1', team }), keys.privateKey);
    expect(await reveal(first, 'alpha')).toBe(secret);
    await expect(reveal(first, 'beta')).rejects.toThrow(/./);
    const patch = { secrets: await sealed(key, 'hf_later') };
    const changed = await region.call(0, {
      method: 'PATCH',
      path: `/v2/dedicated-inferences/${id}`,
      headers: { 'if-match': '*' },
      body: patch,
    });
    expect(changed.status, changed.text).toBe(202);
    expect(await reveal((await stored(id)).sealedHuggingFaceToken, 'alpha')).toBe('hf_later');
    const again = await ask('update', { id, ifMatch: '*', body: { access_tokens: await sealed(key, 'hf_last') } });
    expect(again.status, JSON.stringify(again.body)).toBe(202);
    expect(await reveal((await stored(id)).sealedHuggingFaceToken, 'alpha')).toBe('hf_last');
    expect((await keyOf('beta')).info).not.toBe(key.info);
  });

  it('sent again as it was, it is the same create; sealed anew, it is another one', async () => {
    const body = { ...createBody('sealed-again'), access_tokens: await sealed(await keyOf()) };
    const first = await ask('create', { idempotencyKey: 'k-1', body });
    expect((await ask('create', { idempotencyKey: 'k-1', body })).body).toEqual(first.body);
    const anew = { ...body, access_tokens: await sealed(await keyOf()) };
    expect((await ask('create', { idempotencyKey: 'k-1', body: anew })).status).toBe(422);
  });

  it.each(['access_tokens', 'secrets'])('in plain over NATS it is refused, with what to do (%s)', async (member) => {
    const plain = { [member]: { hugging_face_token: secret } };
    for (const reply of [
      await ask('create', { body: { ...createBody('plain'), ...plain } }),
      await ask('update', { id: '00000000-0000-8001-8000-000000000000', body: plain }),
    ]) {
      const path = `body.${member}.hugging_face_token`;
      expect([reply.status, problemsOf(reply.body)]).toEqual([
        422,
        [{ path, message: expect.stringContaining('sealing_key') }],
      ]);
      expect(JSON.stringify(reply)).not.toContain(secret);
    }
    expect((await region.call(0, { path: '/v2/dedicated-inferences?name=plain' })).body.meta?.total).toBe(0);
    expect(region.logText()).not.toContain(secret);
  });

  it('says when it is sealed to another key, no seal at all, or there twice', async () => {
    const { sealed_hugging_face_token: good } = await sealed(await keyOf());
    const path = 'access_tokens.sealed_hugging_face_token';
    for (const [tokens, where] of [
      [{ sealed_hugging_face_token: { ...good, key_id: 'older' } }, `${path}.key_id`],
      [{ sealed_hugging_face_token: { ...good, enc: 'short' } }, `${path}.enc`],
      [{ sealed_hugging_face_token: { ...good, ct: 'a'.repeat(800) } }, `${path}.ct`],
      [{ sealed_hugging_face_token: good, hugging_face_token: secret }, 'access_tokens'],
    ] as const) {
      const body = { ...createBody('wrong'), access_tokens: tokens };
      const { status, body: reply } = await region.call(0, { method: 'POST', body });
      expect([status, reply.errors?.map((one) => one.path)]).toEqual([422, [where]]);
    }
    const elsewhere = await region.call(0, { path: '/v2/dedicated-inferences/sealing-key?region=nyc2' });
    expect([elsewhere.status, elsewhere.body.errors?.[0]?.path]).toEqual([422, 'region']);
  });
});
