import { beforeAll, describe, expect, it } from 'vitest';
import { desiredSchema, type SpecDocument } from '#shared/contract/desired.ts';
import type { DedicatedInference } from '#shared/contract/resource.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { activate } from './activate.ts';
import { createBody } from './create-body.ts';
import { startTestRegion, type TestReply, type TestRegion } from './region-fixture.ts';

const collection = '/v2/dedicated-inferences';
const size = 'gpu-mi300x1-192gb';

describe('a change of an endpoint', () => {
  const started = endAfterAll();
  let region: TestRegion;

  beforeAll(async () => {
    const server = await started.use(startRegionNats());
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] }));
  });

  const create = async (name: string): Promise<string> => {
    const made = await region.call(0, { method: 'POST', body: createBody(name) });
    return made.body.dedicated_inference?.id ?? '';
  };
  const createActive = async (name: string): Promise<string> => {
    const id = await create(name);
    await activate(region, id);
    return id;
  };
  const patch = (id: string, body: unknown, headers: Record<string, string> = {}): Promise<TestReply> =>
    region.call(0, { method: 'PATCH', path: `${collection}/${id}`, body, headers });
  const show = async (id: string): Promise<DedicatedInference | undefined> =>
    (await region.call(1, { path: `${collection}/${id}` })).body.dedicated_inference;
  const stored = async (id: string): Promise<SpecDocument> => {
    const last = await readLast(region.nats, streams.desired.name, subjects.spec(id));
    const document = desiredSchema.parse(last?.body);
    if (document.kind !== 'spec') throw new Error('a tombstone');
    return document;
  };
  const withScale = (scale: number, more: object = {}): unknown => ({
    spec: {
      ...more,
      model_deployments: [{ accelerators: [{ scale, type: 'prefill_decode', accelerator_slug: size }] }],
    },
  });
  const failure = ({ status, body }: TestReply): unknown => [status, body.id];

  it('is shown as pending beside what is live, with the next version', async () => {
    const id = await createActive('pending');
    const { status, body } = await patch(id, withScale(5, { version: 1 }));
    expect(status).toBe(202);
    expect(body.dedicated_inference).toMatchObject({
      status: 'updating',
      spec: { version: 1, model_deployments: [{ accelerators: [{ scale: 2, status: 'active' }] }] },
      pending_deployment_spec: {
        version: 2,
        status: 'updating',
        model_deployments: [{ accelerators: [{ scale: 5 }] }],
      },
    });
    expect(await show(id)).toEqual(body.dedicated_inference);
    const whole = body.dedicated_inference?.pending_deployment_spec;
    const same = await patch(id, { spec: { ...whole, version: undefined } });
    expect(same.body.dedicated_inference?.revision).toBe(body.dedicated_inference?.revision);
    await activate(region, id);
    expect(await show(id)).toMatchObject({ status: 'active', spec: { version: 2 } });
    expect(await show(id)).not.toHaveProperty('pending_deployment_spec');
  });

  it('is refused while another one is pending, unless If-Match says that it may be superseded', async () => {
    const id = await create('busy');
    const busy = await patch(id, withScale(3));
    expect(failure(busy)).toEqual([403, 'forbidden']);
    expect(busy.headers.get('retry-after')).toBeNull();
    const revision = busy.body.details?.['revision'];
    expect((await patch(id, withScale(3), { 'if-match': `"${String(revision)}"` })).status).toBe(202);
    expect(failure(await patch(id, withScale(4), { 'if-match': `"${String(revision)}"` }))).toEqual([
      412,
      'version_mismatch',
    ]);
    await activate(region, id);
    expect((await patch(id, withScale(4))).status).toBe(202);
  });

  it('is the same one when the same request comes again, also with a token and an old version or tag', async () => {
    const id = await createActive('again');
    const tag = (await region.call(0, { path: `${collection}/${id}` })).headers.get('etag') ?? '';
    const body = { ...(withScale(3, { version: 1 }) as object), secrets: { hugging_face_token: 'hf_again' } };
    const first = await patch(id, body, { 'if-match': tag });
    const second = await patch(id, body, { 'if-match': tag });
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body).toEqual(first.body);
    expect((await stored(id)).intents.map(({ verb }) => verb)).toEqual(['create', 'update']);
  });

  it('of the version takes none, the present one, the live one and the next, and nothing else', async () => {
    const id = await createActive('versions');
    for (const [version, expected] of [
      [9, 409],
      [2, 202],
    ] as const)
      expect((await patch(id, withScale(3, { version }))).status).toBe(expected);
    // The live version is 1 while 2 is pending: Terraform sends it, and tries again after a 403 alone.
    expect(failure(await patch(id, withScale(4, { version: 1 })))).toEqual([403, 'forbidden']);
    expect(failure(await patch(id, withScale(4, { version: 7 })))).toEqual([409, 'conflict']);
  });

  it('of name moves the claim, and nobody gets the name of another', async () => {
    const id = await createActive('old-name');
    await create('other-name');
    expect(failure(await patch(id, { spec: { name: 'other-name' } }))).toEqual([409, 'name_taken']);
    const renamed = await patch(id, { spec: { name: 'new-name' } });
    expect(renamed.body.dedicated_inference).toMatchObject({
      name: 'new-name',
      spec: { name: 'new-name' },
      pending_deployment_spec: { name: 'new-name' },
    });
    const taken = await region.call(1, { method: 'POST', body: createBody('new-name') });
    expect(failure(taken)).toEqual([409, 'name_taken']);
    const freed = await region.call(1, { method: 'POST', body: createBody('old-name') });
    expect([freed.status, freed.body.dedicated_inference?.id === id]).toEqual([202, false]);
  });

  it('of models and accelerators keeps the ids of what stays', async () => {
    const id = await createActive('models');
    const [model] = (await stored(id)).deployments;
    const accelerators = [{ scale: 1, type: 'prefill_decode', accelerator_slug: 'gpu-h100x1-80gb' }];
    const two = [
      { model_slug: 'Qwen/Qwen3-32B', accelerators },
      { model_id: model?.modelId, accelerators: [{ scale: 2, type: 'prefill_decode', accelerator_slug: size }] },
    ];
    expect((await patch(id, { spec: { model_deployments: two } })).status).toBe(202);
    const [added, kept] = (await stored(id)).deployments;
    expect([added?.slug, kept]).toEqual(['Qwen/Qwen3-32B', model]);
    await activate(region, id);
    expect(
      (await patch(id, { spec: { model_deployments: [{ model_id: added?.modelId, accelerators }] } })).status,
    ).toBe(202);
    expect((await stored(id)).deployments).toEqual([added]);
  });

  it('of the Hugging Face token is stored sealed, in both dialects, and left out it stays', async () => {
    const id = await createActive('secret');
    for (const part of ['secrets', 'access_tokens']) {
      const before = (await stored(id)).sealedHuggingFaceToken;
      const reply = await patch(id, { [part]: { hugging_face_token: `hf_${part}` } });
      expect([reply.status, reply.text.includes('hf_')]).toEqual([202, false]);
      const after = (await stored(id)).sealedHuggingFaceToken;
      expect(after).toMatchObject({ enc: expect.any(String), ct: expect.any(String) });
      expect(after).not.toEqual(before);
      await activate(region, id);
    }
    const last = (await stored(id)).sealedHuggingFaceToken;
    await patch(id, withScale(3));
    expect((await stored(id)).sealedHuggingFaceToken).toEqual(last);
    expect(region.logText()).not.toContain('hf_secrets');
  });

  it('that nobody carries out is refused whole, with every reason', async () => {
    const id = await createActive('refused');
    const before = await stored(id);
    const reply = await patch(id, {
      spec: {
        region: 'nyc2',
        enable_public_endpoint: false,
        model_deployments: [
          {
            model_id: before.deployments[0]?.modelId,
            model_slug: 'another/model',
            accelerators: [{ scale: 3, type: 'prefill_decode', accelerator_slug: size }],
          },
        ],
      },
    });
    expect(reply.body.errors?.map(({ path }) => path)).toEqual([
      'spec.region',
      'spec.enable_public_endpoint',
      'spec.model_deployments.0.model_slug',
    ]);
    expect(failure(reply)).toEqual([422, 'unprocessable']);
    expect(await stored(id)).toEqual(before);
  });

  it('after a rejection starts from what is live, may be tried again, and is not taken for pending', async () => {
    const id = await createActive('rejected');
    const { deployments, version, createdAt, updatedAt } = await stored(id);
    const asked = await patch(id, withScale(200));
    const revision = asked.body.dedicated_inference?.revision ?? 0;
    const rejection = { revision, reason: 'NoRoom', message: 'no room', hint: 'ask for less', at: createdAt };
    const live = {
      revision: revision - 1,
      version,
      name: 'rejected',
      enablePublicEndpoint: true,
      deployments,
      createdAt,
      updatedAt,
    };
    await activate(region, id, { observedRevision: revision, live, rejection });
    expect(await show(id)).not.toHaveProperty('pending_deployment_spec');
    expect((await patch(id, { spec: { name: 'calmer' } })).status).toBe(202);
    expect(await stored(id)).toMatchObject({ name: 'calmer', deployments });
    const next = (await show(id))?.revision ?? 0;
    await activate(region, id, { observedRevision: next, live, rejection: { ...rejection, revision: next } });
    const again = await patch(id, { spec: { name: 'calmer' } });
    expect(again.status).toBe(202);
    const third = await patch(id, withScale(200));
    expect([third.status, (await show(id))?.revision]).toEqual([202, third.body.dedicated_inference?.revision]);
    expect(third.body.dedicated_inference?.revision).toBeGreaterThan(next);
  });
});
