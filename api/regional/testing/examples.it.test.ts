import { beforeAll, describe, expect, it } from 'vitest';
import type { StatusDocument } from '#shared/contract/status.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { RouteExample } from '../docs/route-doc.ts';
import { apiRoutes } from '../routes/operations.ts';
import { activate } from './activate.ts';
import { alphaToken, startTestRegion, type TestReply, type TestRegion } from './region-fixture.ts';

const group = { scale: 2, type: 'prefill_decode', accelerator_slug: 'gpu-mi300x1-192gb' };

const spec = {
  name: 'coding-assistant',
  region: 'atl1',
  enable_public_endpoint: true,
  model_deployments: [
    {
      model_slug: 'mistral/mistral-7b-instruct-v3',
      model_provider: 'hugging_face',
      provider_model_id: 'mistralai/Mistral-7B-Instruct-v0.3',
      accelerators: [group],
    },
  ],
};

/** Too short for one: the document is to be read by people. */
const certificate = '-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n';

/** What a provisioner says of an endpoint that is served. */
const active: Partial<StatusDocument> = {
  lifecycleSeq: 2,
  reason: 'Active',
  message: 'The endpoint answers.',
  replicas: { desired: 2, ready: 2 },
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      reason: 'Answered',
      message: 'An inference was answered through every listener.',
      observedRevision: 3,
      lastTransitionTime: '2026-11-22T12:00:00.000Z',
    },
  ],
};

describe('the examples of the document', () => {
  const started = endAfterAll();
  let region: TestRegion;
  const recorded: Record<string, RouteExample> = {};
  let time = Date.parse('2026-11-22T12:00:00.000Z');

  beforeAll(async () => {
    const server = await started.use(startRegionNats());
    // Ids, tokens and times are the same each time; what waits does so by the machine's clock.
    const clock = { ...systemClock, now: () => time };
    const env = { FAIRWAY_SEAL_PUBLIC_KEY: Buffer.alloc(32, 9).toString('base64url') };
    const options = { natsUrl: server.url, apiNatsUrls: [server.url], env, clock, random: () => 0.5 };
    region = await started.use(startTestRegion(options));
  });

  /** What stands in the braces of paths. */
  const ids: Record<string, string> = {};

  /** Calls an operation and keeps how it went. */
  async function play(operationId: string, body?: unknown): Promise<TestReply> {
    const route = apiRoutes.find((one) => one.operationId === operationId);
    if (route === undefined) throw new Error(`there is no operation ${operationId}`);
    time += 1000;
    const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? '');
    const method = route.method.toUpperCase();
    const tried = route.dryRun && (await region.call(0, { method, path: `${path}?dry_run=true`, body }));
    const reply = await region.call(0, { method, path, body });
    expect(reply.status, `${operationId}: ${reply.text}`).toBe(route.success.status);
    recorded[operationId] = {
      path,
      ...(body !== undefined && { request: body }),
      ...(reply.text !== '' && { reply: JSON.parse(shown(reply.text)) }),
      ...(tried && { dryRun: JSON.parse(tried.text) }),
      ...(route.streams && { stream: await beginningOfStream(path) }),
    };
    return reply;
  }

  /** Without what would be a working token somewhere. */
  const shown = (text: string): string =>
    text.replaceAll(/fairway_[0-9A-Za-z]+_[0-9A-Za-z]{6}/g, `fairway_${'0'.repeat(43)}_shown1`);

  /** A stream of events to the end of its first one. */
  async function beginningOfStream(path: string): Promise<string> {
    const headers = { authorization: `Bearer ${alphaToken}`, accept: 'text/event-stream' };
    const reply = await fetch(`${region.apis[0]?.url}${path}`, { headers });
    let text = '';
    for await (const piece of reply.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      if (/^data: .*\n\n/m.test(text)) break;
    }
    return text;
  }

  it('are what the API answers (after a change on purpose: run this test with --update)', async () => {
    await play('dedicatedInferences_list_sizes');
    await play('dedicatedInferences_get_gpu_model_config');
    await play('dedicatedInferences_get_sealing_key');
    const made = await play('dedicatedInferences_create', { spec });
    const id = (ids['id'] = made.body.dedicated_inference?.id ?? '');
    const path = `/v2/dedicated-inferences/${id}/events`;
    await eventually(async () => expect((await region.call(0, { path })).body.meta?.total).toBe(1));
    await activate(region, id, { ...active, caCertificates: [certificate] });
    await play('dedicatedInferences_get');
    await play('dedicatedInferences_list');
    await play('dedicatedInferences_events');
    const { text } = await play('dedicatedInferences_list_accelerators');
    ids['accelerator_id'] = JSON.parse(text).accelerators[0].id;
    await play('dedicatedInferences_get_accelerator');
    await play('dedicatedInferences_get_ca');
    const { body } = await play('dedicatedInferences_create_tokens', {
      name: 'continuous-integration',
      models: ['mistral/mistral-7b-instruct-v3'],
      expires_at: '2027-11-22T12:00:00.000Z',
      networks: ['10.0.0.0/8'],
    });
    ids['token_id'] = body.token?.id ?? '';
    const successor = await play('dedicatedInferences_rotate_token', { overlap_seconds: 3600 });
    await play('dedicatedInferences_list_tokens');
    ids['token_id'] = successor.body.token?.id ?? '';
    await play('dedicatedInferences_delete_tokens');
    const routing = { policy: 'affinity', session_header: 'x-conversation-id', output_tokens_max: 8192 };
    await play('dedicatedInferences_put_routing', routing);
    await play('dedicatedInferences_get_routing');
    const modelId = made.body.dedicated_inference?.pending_deployment_spec?.model_deployments[0]?.model_id;
    const engine = { model_id: modelId, engine: 'vllm', version: '0.32.0', context_tokens: 32_768 };
    await activate(region, id, active);
    await play('dedicatedInferences_put_engine', { engines: [{ ...engine, arguments: { max_num_seqs: 128 } }] });
    await play('dedicatedInferences_get_engine');
    await activate(region, id, active);
    await play('dedicatedInferences_delete_engine');
    await activate(region, id, active);
    await play('dedicatedInferences_patch', {
      spec: {
        model_deployments: [{ model_slug: 'mistral/mistral-7b-instruct-v3', accelerators: [{ ...group, scale: 4 }] }],
      },
    });
    await play('dedicatedInferences_delete');
    expect(Object.keys(recorded).toSorted()).toEqual(apiRoutes.map(({ operationId }) => operationId).toSorted());
    await expect(`${JSON.stringify(recorded, null, 2)}\n`).toMatchFileSnapshot('../docs/examples.json');
  });
});
