import { beforeAll, describe, expect, it } from 'vitest';
import { commandReplySchema } from '#shared/contract/commands.ts';
import { dryRunReplySchema, type DryRunReply } from '#shared/contract/dry-run.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startFrontDoor, type FrontDoor } from '../../testing/front-door.ts';
import { activate } from './activate.ts';
import { createBody } from './create-body.ts';
import { alphaToken, callApi, type TestReply, type TestRequest } from './region-fixture.ts';

const collection = '/v2/dedicated-inferences';

describe('a dry run', () => {
  const started = endAfterAll();
  let door: FrontDoor;

  beforeAll(async () => {
    door = await started.use(startFrontDoor());
  });

  const call = (request: TestRequest): Promise<TestReply> => callApi(door.proxy.url, request);
  const tryOut = (body: unknown, headers: Record<string, string> = {}): Promise<TestReply> =>
    call({ method: 'POST', path: `${collection}?dry_run=true`, body, headers });
  const read = (reply: TestReply): DryRunReply => dryRunReplySchema.parse(JSON.parse(reply.text));
  /** Where desired state stands: audit lines and events are made from it alone. */
  const stand = async (): Promise<number> =>
    (await door.region.nats.jsm.streams.info(streams.desired.name)).state.last_seq;
  const failure = ({ status, body: { request_id: _id, ...body } }: TestReply): unknown => [status, body];
  const onH100 = (model: string, parts: object = {}): object =>
    createBody('too-large', {
      model_deployments: [
        {
          provider_model_id: model,
          accelerators: [{ scale: 1, type: 'prefill_decode', accelerator_slug: 'gpu-h100x1-80gb', ...parts }],
        },
      ],
    });

  it('of a create says what would be, and writes nothing, whichever door it comes through', async () => {
    const before = await stand();
    for (const url of [door.proxy.url, door.region.apis[0]?.url ?? '']) {
      const reply = await callApi(url, {
        method: 'POST',
        path: `${collection}?dry_run=true`,
        body: createBody('tried'),
        headers: { prefer: 'wait=20' },
      });
      expect([reply.status, reply.headers.get('etag')], reply.text).toEqual([200, null]);
      const { dedicated_inference: shown, dry_run: plan } = read(reply);
      expect(shown).toMatchObject({ name: 'tried', status: 'new', revision: 0, replicas: { desired: 2, ready: 0 } });
      expect(reply.body.token).toBeUndefined();
      // Two MI300X at 2.59; (206.158 × 0.83 − 14.5) · 10⁹ / 131,072 bytes a token.
      expect(plan).toMatchObject({
        fits: 'yes',
        price: { per_hour: '5.18', per_month: '3781.40', hours_per_month: 730 },
        accelerators: [{ fit: { weights_gb: 14.5, kv_cache_tokens: 1_194_850, context_tokens: 32_768 } }],
        ready: { minutes: 30, basis: 'published' },
      });
    }
    expect(await stand()).toBe(before);
    expect((await call({ path: `${collection}?name=tried` })).body.meta?.total).toBe(0);
    const { dedicated_inference: shown } = read(await tryOut(createBody('tried')));
    const made = await call({ method: 'POST', body: createBody('tried') });
    expect(made.status, made.text).toBe(202);
    // The same but for what only a stored one has: ids, times, revision.
    const bare = (resource: unknown): unknown =>
      JSON.parse(
        JSON.stringify(resource)
          .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
          .replaceAll(/"\d{4}-[\d-]+T[\d:.]+Z"|(?<="revision":)\d+/g, '0'),
      );
    expect(bare(shown)).toEqual(bare(made.body.dedicated_inference));
    expect((await tryOut(createBody('tried', { enable_public_endpoint: false }))).body.id).toBe('name_taken');
  });

  it('uses no Idempotency-Key up, shows the ids it would give, and afterwards the endpoint it has given', async () => {
    const headers = { 'idempotency-key': 'tried-1' };
    const tried = read(await tryOut(createBody('keyed'), headers)).dedicated_inference;
    const made = await call({ method: 'POST', body: createBody('keyed'), headers });
    expect([made.status, made.body.dedicated_inference?.id]).toEqual([202, tried.id]);
    const again = read(await tryOut(createBody('keyed'), headers)).dedicated_inference;
    expect([again.id, again.revision]).toEqual([tried.id, made.body.dedicated_inference?.revision]);
    const other = await tryOut(createBody('other'), headers);
    expect([other.status, other.body.id]).toEqual([422, 'idempotency_mismatch']);
  });

  it.each([
    ['a create of what is wrong in many ways', { spec: { name: 'no spaces', region: 'nyc2', colour: 'red' } }],
    ['a VPC of another team', createBody('nowhere', { vpc: { uuid: '99999999-2222-4333-8444-555555555555' } })],
    ['a model that cannot fit', onH100('Qwen/Qwen3-Coder-30B-A3B-Instruct')],
    ['no JSON', '{"spec":'],
  ])('refuses %s in the words of the real one', async (_what, body) => {
    const real = await door.region.call(0, { method: 'POST', body });
    const tried = await door.region.call(0, { method: 'POST', path: `${collection}?dry_run=true`, body });
    expect(real.status).toBeGreaterThanOrEqual(400);
    expect(failure(tried)).toEqual(failure(real));
  });

  it('refuses what cannot fit with the arithmetic, beside every other problem, in create and PATCH', async () => {
    const reply = await tryOut(onH100('Qwen/Qwen3-Coder-30B-A3B-Instruct', { scale: 0 }));
    expect(reply.body.errors).toEqual([
      { path: 'spec.model_deployments.0.accelerators.0.scale', message: expect.any(String) },
      {
        path: 'spec.model_deployments.0.accelerators.0.accelerator_slug',
        message: expect.stringMatching(/61\.1 GB of weights and 25\.8 GB of KV cache .* choose gpu-mi300x1-192gb/),
      },
    ]);
    const made = await call({ method: 'POST', body: createBody('fitting') });
    const id = made.body.dedicated_inference?.id ?? '';
    await activate(door.region, id);
    for (const query of ['', '?dry_run=true']) {
      const body = { spec: { model_deployments: Object(onH100('openai/gpt-oss-120b')).spec.model_deployments } };
      const unfit = {
        spec: { model_deployments: Object(onH100('meta-llama/Llama-3.3-70B-Instruct')).spec.model_deployments },
      };
      const refused = await call({ method: 'PATCH', path: `${collection}/${id}${query}`, body: unfit });
      expect([refused.status, refused.body.message], refused.text).toEqual([
        422,
        expect.stringContaining('does not hold meta-llama/Llama-3.3-70B-Instruct: 141.1 GB of weights'),
      ]);
      const known = await call({ method: 'PATCH', path: `${collection}/${id}?dry_run=true`, body });
      expect(known.status, known.text).toBe(200);
    }
  });

  it('of a model that the catalogue does not know says so, and is not refused', async () => {
    const reply = await tryOut(onH100('somebody/else'));
    expect([reply.status, read(reply).dry_run]).toMatchObject([200, { fits: 'unknown', price: { per_hour: '4.41' } }]);
  });

  it('of a change shows it pending, says its price, and writes nothing', async () => {
    const made = await call({ method: 'POST', body: createBody('grown') });
    const id = made.body.dedicated_inference?.id ?? '';
    await activate(door.region, id);
    const path = `${collection}/${id}`;
    const { etag } = Object.fromEntries((await call({ path })).headers);
    const size = 'gpu-mi300x1-192gb';
    const accelerators = [{ scale: 5, type: 'prefill_decode', accelerator_slug: size }];
    const body = { spec: { name: 'grown-up', model_deployments: [{ accelerators }] } };
    const before = await stand();
    const reply = await call({ method: 'PATCH', path: `${path}?dry_run=true`, body });
    expect([reply.status, reply.headers.get('etag')], reply.text).toEqual([200, etag]);
    const { dedicated_inference: shown, dry_run: plan } = read(reply);
    expect(shown).toMatchObject({ id, name: 'grown-up', status: 'updating', spec: { version: 1 } });
    expect(shown.pending_deployment_spec).toMatchObject({ version: 2 });
    expect(plan.price.per_hour).toBe('12.95');
    const same = await call({ method: 'PATCH', path: `${path}?dry_run=true`, body: {} });
    expect(read(same)).toMatchObject({
      dedicated_inference: { name: 'grown', status: 'active' },
      dry_run: { ready: { minutes: 0, basis: 'nothing_to_start' }, price: { per_hour: '5.18' } },
    });
    const stale = await call({ method: 'PATCH', path: `${path}?dry_run=true`, body, headers: { 'if-match': '"1"' } });
    expect([stale.status, stale.body.id]).toEqual([412, 'version_mismatch']);
    const taken = await call({ method: 'PATCH', path: `${path}?dry_run=true`, body: { spec: { name: 'tried' } } });
    expect([taken.status, taken.body.id]).toEqual([409, 'name_taken']);
    expect(await stand()).toBe(before);
    expect((await call({ path })).body.dedicated_inference?.name).toBe('grown');
  });

  it('is refused where there is none, and where it is neither true nor false: nothing is done by mistake', async () => {
    const made = await call({ method: 'POST', body: createBody('kept') });
    const path = `${collection}/${made.body.dedicated_inference?.id}`;
    const before = await stand();
    const cases: [TestRequest, number, string][] = [
      [{ method: 'DELETE', path: `${path}?dry_run=true` }, 400, 'bad_request'],
      [{ method: 'PUT', path: `${path}/routing?dry_run=1`, body: {} }, 400, 'bad_request'],
      [{ method: 'POST', path: `${path}/tokens?dry_run=true`, body: { name: 'a' } }, 400, 'bad_request'],
      [{ method: 'POST', path: `${collection}?dry_run=yes`, body: createBody('no') }, 422, 'unprocessable'],
      [{ method: 'POST', path: `${collection}?dry_run=`, body: createBody('no') }, 422, 'unprocessable'],
      [
        { method: 'POST', path: `${collection}?dry_run=false&dry_run=true`, body: createBody('no') },
        422,
        'unprocessable',
      ],
    ];
    for (const [request, status, id] of cases) {
      const reply = await call(request);
      expect([reply.status, reply.body.id], reply.text).toEqual([status, id]);
      expect(reply.body.errors?.[0]?.path).toBe('dry_run');
    }
    expect(await stand()).toBe(before);
    expect((await call({ path: `${path}?dry_run=true` })).status).toBe(200);
  });

  it('asks for the scope of the change', async () => {
    await door.region.seedToken('reader', { tokenId: 'reader', scopes: ['dedicated_inference:read'] });
    await eventually(async () => expect((await call({ token: 'reader' })).status).toBe(200));
    const reply = await call({
      method: 'POST',
      path: `${collection}?dry_run=true`,
      body: createBody('x'),
      token: 'reader',
    });
    expect([reply.status, reply.body.message]).toEqual([403, expect.stringContaining('dedicated_inference:create')]);
  });

  it('over NATS is an option of create and update, and of nothing else', async () => {
    const made = await call({ method: 'POST', body: createBody('commanded') });
    const id = made.body.dedicated_inference?.id ?? '';
    await activate(door.region, id);
    const before = await stand();
    const ask = async (verb: string, content: object): Promise<{ status: number; body: unknown }> => {
      const payload = JSON.stringify({ v: 1, token: alphaToken, dryRun: true, ...content });
      const subject = subjects.command('alpha', 'atl1', verb);
      return commandReplySchema.parse(
        (await door.region.nats.nc.request(subject, payload, { timeout: 20_000 })).json(),
      );
    };
    const tried = [
      await ask('create', { body: createBody('by-command') }),
      await ask('update', { id, body: { spec: { name: 'by-command' } } }),
    ];
    for (const { status, body } of tried)
      expect([status, dryRunReplySchema.parse(body).dedicated_inference.name]).toEqual([200, 'by-command']);
    expect((await ask('delete', { id })).status).toBe(422);
    expect(await stand()).toBe(before);
  });
});
