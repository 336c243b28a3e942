import { beforeAll, describe, expect, it } from 'vitest';
import { specDocumentSchema, type SpecDocument } from '#shared/contract/desired.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { activate } from './activate.ts';
import { createBody } from './create-body.ts';
import { betaToken, startTestRegion, type TestRegion, type TestReply } from './region-fixture.ts';

describe('engine settings of an endpoint', () => {
  const started = endAfterAll();
  let region: TestRegion;
  let id: string;
  let modelId: string;
  beforeAll(async () => {
    const server = await started.use(startRegionNats());
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] }));
    const made = await region.call(0, { method: 'POST', body: createBody('engines') });
    id = made.body.dedicated_inference?.id ?? '';
    modelId = (await stored()).deployments[0]?.modelId ?? '';
    await activate(region, id);
  });

  const path = (query = ''): string => `/v2/dedicated-inferences/${id}/engine${query}`;
  const send = (method: string, engines?: unknown, headers: Record<string, string> = {}): Promise<TestReply> =>
    region.call(0, { method, path: path(), ...(engines !== undefined && { body: { engines } }), headers });
  const get = async (): Promise<unknown> => JSON.parse((await region.call(1, { path: path() })).text);
  const stored = async (): Promise<SpecDocument> => {
    const last = await readLast(region.nats, streams.desired.name, subjects.spec(id));
    return specDocumentSchema.parse(last?.body);
  };
  const problemsOf = async (engines: unknown[]): Promise<unknown> => {
    const { status, body } = await send('PUT', engines, { 'if-match': '*' });
    return [status, body.errors?.map(({ path: at, message }) => `${at}: ${message}`)];
  };

  it('are what was said last, whole, and a change like any other: a version of the spec, carried out or given up', async () => {
    expect(await get()).toEqual({ engines: [] });
    const { version } = await stored();
    const asked = { model_id: modelId, engine: 'vllm', version: '0.33.0', context_tokens: 16_384 };
    const all = [{ ...asked, arguments: { max_num_seqs: 64, tool_call_parser: 'mistral' } }];
    const said = await send('PUT', all);
    expect([said.status, JSON.parse(said.text)]).toEqual([202, { engines: all }]);
    expect(await get()).toEqual({ engines: all });
    expect(await stored()).toMatchObject({
      version: version + 1,
      deployments: [{ engine: { contextTokens: 16_384 } }],
    });
    expect((await stored()).intents.at(-1)).toMatchObject({ verb: 'update', actor: 'token-of-alpha' });
    // What clients see of the spec is as closed as ever.
    const shown = await region.call(0, { path: `/v2/dedicated-inferences/${id}` });
    expect(shown.body.dedicated_inference).toMatchObject({ status: 'updating', pending_deployment_spec: {} });
    expect(shown.text).not.toContain('0.33.0');
    expect((await send('DELETE')).status).toBe(403);
    const superseded = await send('DELETE', undefined, { 'if-match': said.headers.get('etag') ?? '' });
    expect([superseded.status, JSON.parse(superseded.text)]).toEqual([202, { engines: [] }]);
    expect((await stored()).deployments[0]).not.toHaveProperty('engine');
    await activate(region, id);
  });

  it('change once for one Idempotency-Key, not under a stale If-Match, and not at all when they are the same', async () => {
    const before = (await region.call(0, { path: path() })).headers.get('etag') ?? '';
    const [once, other] = [8192, 4096].map((tokens) => [{ model_id: modelId, context_tokens: tokens }]);
    const key = { 'idempotency-key': 'engine-once' };
    const first = await send('PUT', once, key);
    await activate(region, id);
    const again = await send('PUT', once, key);
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
    expect((await send('PUT', other, key)).status).toBe(422);
    expect((await send('PUT', other, { 'if-match': before })).status).toBe(412);
    expect((await send('PUT', once)).headers.get('etag')).toBe(first.headers.get('etag'));
  });

  it('are kept by a change of the spec that does not know of them', async () => {
    const body = { spec: { model_deployments: createBody('x').spec['model_deployments'] } };
    await region.call(0, { method: 'PATCH', path: `/v2/dedicated-inferences/${id}`, body });
    expect((await stored()).deployments[0]?.engine).toEqual({ contextTokens: 8192 });
  });

  it('can be tried out, and nothing is stored', async () => {
    const before = await stored();
    const body = { engines: [{ model_id: modelId, context_tokens: 32_768 }] };
    const tried = await region.call(0, { method: 'PUT', path: path('?dry_run=true'), body });
    expect(JSON.parse(tried.text)).toMatchObject({
      dedicated_inference: { status: 'updating' },
      dry_run: { accelerators: [{ fit: { context_tokens: 32_768 } }], ready: { basis: 'published' } },
    });
    const none = await region.call(0, { method: 'DELETE', path: path('?dry_run=true') });
    const perhaps = await region.call(0, { method: 'DELETE', path: path('?dry_run=perhaps') });
    expect([none.status, perhaps.status, await stored()]).toEqual([200, 422, before]);
  });

  it('are refused with the reason: unsafe versions, arguments of another engine, contexts that the model does not have', async () => {
    expect(
      await problemsOf([
        {
          model_id: modelId,
          engine: 'vllm',
          version: '0.17.1',
          arguments: { parallel: 2, tool_call_parser: 'llama3' },
        },
      ]),
    ).toEqual([
      422,
      [
        'engines.0.version: must be 0.18.0 or later: older ones run code that comes with a model (CVE-2026-27893)',
        'engines.0.arguments.tool_call_parser: must be one of hermes, llama3_json, mistral, openai, qwen3_coder for vllm',
        'engines.0.arguments.parallel: is no argument of vllm',
      ],
    ]);
    expect(await problemsOf([{ model_id: modelId, version: 'latest', context_tokens: 40_000 }])).toEqual([
      422,
      [
        'engines.0.version: is of one engine: give engine, too',
        'engines.0.context_tokens: is more than the 32768 tokens that mistral/mistral-7b-instruct-v3 can have',
      ],
    ]);
    for (const wrong of [{ api_key: 'x' }, { port: 1 }, { host: '0.0.0.0' }, { model: 'x' }, { log_requests: true }])
      expect((await send('PUT', [{ model_id: modelId, engine: 'sglang', arguments: wrong }])).status).toBe(422);
    expect((await send('PUT', [{ model_id: modelId, engine: 'sim' }])).status).toBe(422);
  });

  it('are nobody else’s', async () => {
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect(
        (
          await region.call(0, {
            method,
            path: path(),
            token: betaToken,
            ...(method === 'PUT' && { body: { engines: [] } }),
          })
        ).status,
      ).toBe(404);
  });
});
