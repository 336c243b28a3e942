import OpenAI from 'openai';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { readSimConfig } from '#loadtest/sim/config.ts';
import { readFaults } from '#loadtest/sim/server/faults.ts';
import type { ModelServer } from '#loadtest/sim/server/model-server.ts';
import { startSim } from '#loadtest/sim/service.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';

let edge: Edge;
let sims: ModelServer[];
let endpoint: EdgeEndpoint;
let router: Router;
let client: OpenAI;

const started = endAfterAll();
beforeAll(async () => {
  edge = await started.use(startEdge());
  const flags = ['--port', '0', '--model', 'test-model', '--time-scale', '0.01', '--drain-timeout-ms', '0'];
  const config = readSimConfig(flags, { FAIRWAY_SIM_API_KEY: 'upstream-secret' });
  sims = await Promise.all([0, 1, 2, 3].map(() => started.use(startSim(config, { die: () => {} }))));
  endpoint = await edge.addEndpoint(sims.map(({ url }) => Number(new URL(url).port)));
  router = await started.use(
    edge.startRouter({
      env: { FAIRWAY_TOKEN_IDLE_TIMEOUT_MS: '400', FAIRWAY_FIRST_TOKEN_TIMEOUT_MS: '2000' },
    }),
  );
  client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: endpoint.token, maxRetries: 0 });
});
beforeEach(() => strike());

/** The same faults at every replica. */
function strike(...faults: object[]): void {
  for (const { desk } of sims) desk.setFaults(readFaults(faults));
}

const say = (content: string) => ({
  model: 'test-model',
  max_tokens: 20,
  messages: [{ role: 'user' as const, content }],
});

async function streamed(content: string): Promise<{ text: string; finish: string | null | undefined; usage: boolean }> {
  const stream = await client.chat.completions.create({ ...say(content), stream: true });
  const end = { text: '', finish: undefined as string | null | undefined, usage: false };
  for await (const chunk of stream) {
    end.text += chunk.choices[0]?.delta.content ?? '';
    end.finish = chunk.choices[0]?.finish_reason ?? end.finish;
    end.usage ||= chunk.usage !== undefined && chunk.usage !== null;
  }
  return end;
}

async function metric(pattern: string): Promise<number> {
  const text = await (await fetch(`${router.adminUrl}/metrics`)).text();
  return Number(new RegExp(`^fairway_router_${pattern} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}

describe('the openai client, through the router, on simulated replicas', () => {
  it('lists models, completes, streams, and gets usage only when it asks', async () => {
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['test-model']);
    const whole = await client.chat.completions.create(say('one'));
    expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
    const plain = await streamed('one');
    expect(plain).toMatchObject({ text: whole.choices[0]?.message.content, usage: false });
    expect(plain.finish).toMatch(/stop|length/);
    const text = await client.completions.create({ model: 'test-model', prompt: 'Once', max_tokens: 5 });
    expect(text.choices[0]?.text.length).toBeGreaterThan(0);
    const asked = await client.chat.completions.create({
      ...say('one'),
      stream: true,
      stream_options: { include_usage: true },
    });
    const usages = [];
    for await (const chunk of asked) if (chunk.usage) usages.push(chunk.usage);
    expect(usages).toHaveLength(1);
  });

  it('is told of errors in its own words, with our request id', async () => {
    await expect(client.chat.completions.create({ ...say('x'), model: 'no-such' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
      requestID: expect.stringMatching(/^req_/),
    });
    const stranger = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'nonsense', maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
    await expect(client.chat.completions.create({ ...say('x'), max_tokens: 10_000_000 })).rejects.toMatchObject({
      status: 400,
    });
  });

  it.each<[string, object]>([
    ['refuses with 500', { kind: 'status', status: 500 }],
    ['dies before its first token', { kind: 'truncate', afterTokens: 0 }],
    ['ends before its first token as if it were complete', { kind: 'truncate', afterTokens: 0, ending: 'end' }],
    ['fails before its first token', { kind: 'error-frame', afterTokens: 0 }],
  ])('does not notice a replica that %s', async (_, fault) => {
    const expected = await streamed('a quiet failure');
    const [first, ...others] = sims;
    first?.desk.setFaults(readFaults([fault]));
    others[0]?.desk.setFaults(readFaults([fault]));
    for (let round = 0; round < 4; round += 1) expect(await streamed('a quiet failure')).toEqual(expected);
  });

  it.each<[string, object]>([
    ['is reset', { kind: 'truncate', afterTokens: 3 }],
    ['ends its body', { kind: 'truncate', afterTokens: 3, ending: 'end' }],
    ['says so in its stream', { kind: 'error-frame', afterTokens: 3 }],
    ['stalls', { kind: 'stall', afterTokens: 3 }],
  ])('is told when a replica %s in the middle', async (_, fault) => {
    strike(fault);
    await expect(streamed('a loud failure')).rejects.toMatchObject({
      code: 'upstream_disconnected',
      type: 'server_error',
    });
    await eventually(() => expect(sims.reduce((sum, { desk }) => sum + desk.open, 0)).toBe(0));
  });

  it('frees its replica when it stops reading', async () => {
    strike({ kind: 'stall', afterTokens: 2 });
    const controller = new AbortController();
    const stream = await client.chat.completions.create(
      { ...say('leave'), stream: true },
      { signal: controller.signal },
    );
    const leaving = (async () => {
      for await (const chunk of stream) if ((chunk.choices[0]?.delta.content ?? '') !== '') controller.abort();
    })();
    await leaving.catch(() => {});
    await eventually(() => expect(sims.reduce((sum, { desk }) => sum + desk.open, 0)).toBe(0));
  });

  it('comes back to the replica that has its conversation, and its hits are predicted', async () => {
    const hits = (kind: string) => metric(`cache_hit_tokens_total\\{kind="${kind}"\\S*`);
    const before = {
      predicted: await hits('predicted'),
      reported: await hits('reported'),
      prompt: await promptTokens(),
    };
    const users = [0, 1, 2, 3].map((user): OpenAI.ChatCompletionMessageParam[] => [
      { role: 'system', content: 'You are a coding assistant. '.repeat(400) },
      { role: 'user', content: `I am user ${user}. ${`${user} file `.repeat(300)}` },
    ]);
    const turn = async (messages: OpenAI.ChatCompletionMessageParam[]): Promise<void> => {
      const answer = await client.chat.completions.create({ model: 'test-model', max_tokens: 20, messages });
      const content = answer.choices[0]?.message.content ?? '';
      messages.push({ role: 'assistant', content }, { role: 'user', content: 'And then?' });
    };
    for (let round = 0; round < 5; round += 1) await Promise.all(users.map(turn));
    const reported = (await hits('reported')) - before.reported;
    const predicted = (await hits('predicted')) - before.predicted;
    expect(reported / ((await promptTokens()) - before.prompt)).toBeGreaterThan(0.7);
    expect(Math.abs(predicted - reported) / reported).toBeLessThan(0.25);
  });
});

function promptTokens(): Promise<number> {
  return metric('tokens_total\\{kind="prompt"\\S*');
}
