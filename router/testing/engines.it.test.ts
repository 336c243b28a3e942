import { beforeAll, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { contentOf } from './chat-frames.ts';
import { ask } from './client.ts';
import { llamaServerContract } from './llama-server.contract.ts';
import { playing, recordedAnswer } from './recorded-answer.ts';
import { startOneRouter } from './one-router.ts';
import type { EdgeEndpoint } from './router-fixture.ts';
import { type ScriptedUpstream } from './scripted-upstream.ts';

let upstream: ScriptedUpstream;
let endpoint: EdgeEndpoint;
let router: Router;

const started = endAfterAll();
beforeAll(async () => {
  const starting = startOneRouter(() => {}, { replicas: 1 });
  ({
    upstreams: [upstream],
    endpoint,
    router,
  } = await started.use(starting));
});

async function play(name: string, more: object = {}, path = '/v1/chat/completions') {
  const recorded = recordedAnswer(name);
  upstream.script = playing(recorded);
  const body = JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'hi' }], ...more });
  const headers = { authorization: `Bearer ${endpoint.token}` };
  return { recorded, reply: await ask({ url: router.url, path, headers, body }) };
}
const stream = { stream: true };
const withUsage = { stream: true, stream_options: { include_usage: true } };

async function tokens(kind: string): Promise<number> {
  const text = await (await fetch(`${router.adminUrl}/metrics`)).text();
  return Number(new RegExp(`^fairway_router_tokens_total\\{kind="${kind}"\\S* (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}

describe('real engines’ streams', () => {
  it.each([
    ['llama-chat-stream', withUsage],
    ['vllm-chat-stream', withUsage],
    [
      'vllm-chat-stream-continuous',
      { stream: true, stream_options: { include_usage: true, continuous_usage_stats: true } },
    ],
    ['llama-cpp-python-chat-stream', stream],
    ['vllm-chat-stream-without-usage', stream],
    ['llama-chat-stream-without-usage', stream],
  ])('%s goes through byte for byte', async (name, more) => {
    const { recorded, reply } = await play(name, more);
    expect(reply.status).toBe(200);
    expect(reply.text.trimEnd()).toBe(recorded.body.trimEnd());
  });

  it('of completions go through with the usage that llama-server tells unasked', async () => {
    const { recorded, reply } = await play('llama-completions-stream', { ...stream, prompt: 'x' }, '/v1/completions');
    expect(reply.text.trimEnd()).toBe(recorded.body.trimEnd());
  });

  it('of responses go through byte for byte, and are counted', async () => {
    const before = [await tokens('prompt'), await tokens('output')];
    const { recorded, reply } = await play('llama-responses-stream', { ...stream, input: 'x' }, '/v1/responses');
    expect(reply.text.trimEnd()).toBe(recorded.body.trimEnd());
    const whole = await play('llama-responses', { input: 'x' }, '/v1/responses');
    expect(whole.reply.text).toBe(whole.recorded.body);
    expect([await tokens('prompt'), await tokens('output')]).toEqual([(before[0] ?? 0) + 34, (before[1] ?? 0) + 6]);
  });

  it('show those who did not ask what a direct answer shows: no usage, llama-server’s timings', async () => {
    const before = [await tokens('prompt'), await tokens('output')];
    const { reply } = await play('llama-chat-stream', stream);
    const membersOf = (text: string) =>
      text
        .split('\n\n')
        .filter((event) => event.startsWith('data: {'))
        .map((event) => Object.keys(JSON.parse(event.slice(6)) as object));
    expect(reply.text).not.toMatch(/"usage"|"choices":\[\]/);
    expect(membersOf(reply.text).at(-1)).toEqual(
      membersOf(recordedAnswer('llama-chat-stream-without-usage').body).at(-1),
    );
    expect([await tokens('prompt'), await tokens('output')]).toEqual([(before[0] ?? 0) + 29, (before[1] ?? 0) + 4]);
  });

  it('show continuous usage of vLLM’s to nobody who had not asked for usage', async () => {
    const { reply } = await play('vllm-chat-stream-continuous', {
      stream: true,
      stream_options: { continuous_usage_stats: true },
    });
    expect(reply.text).not.toContain('"usage"');
    expect(contentOf(reply.text)).toBe('cumcumcum');
    expect(upstream.seen.at(-1)?.body.toString()).toContain('"include_usage":true');
  });

  it('end with the error that vLLM tells when its core was killed, once', async () => {
    const { reply } = await play('vllm-engine-killed', stream);
    expect(reply.text.match(/data: \[DONE\]/g)).toHaveLength(1);
    expect(JSON.parse(reply.text.trim().split('\n\n').at(-2)?.slice(6) ?? '')).toMatchObject({
      error: {
        code: 'upstream_disconnected',
        type: 'server_error',
        original: { error: { message: expect.stringContaining('EngineCore') } },
      },
    });
  });

  it('that are 200 and empty are an error', async () => {
    const { reply } = await play('llama-cpp-python-too-long-stream', stream);
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([502, { error: { code: 'upstream_error' } }]);
  });
});

describe('real engines’ answers and refusals', () => {
  it.each(['llama-chat', 'vllm-chat', 'llama-too-long', 'llama-missing-messages', 'vllm-too-long'])(
    '%s goes through as it is',
    async (name) => {
      const { recorded, reply } = await play(name);
      expect([reply.status, reply.text.trim()]).toEqual([recorded.status, recorded.body.trim()]);
    },
  );

  it('are the same before a stream', async () => {
    const { recorded, reply } = await play('llama-too-long-stream', stream);
    expect([reply.status, reply.text.trim()]).toEqual([400, recorded.body.trim()]);
    expect(reply.headers['content-type']).toBe('application/json');
  });

  it.each([
    [
      'vllm-unknown-path',
      404,
      {
        message: expect.stringMatching(/does not serve this route/),
        code: 'unknown_route',
        original: { detail: 'Not Found' },
      },
    ],
    [
      'llama-cpp-python-bad-json',
      500,
      { code: 'upstream_error', original: expect.stringContaining('Internal Server Error') },
    ],
    ['vllm-overload', 503, { code: 503, message: expect.stringContaining('currently busy') }],
  ])('%s has one shape', async (name, status, error) => {
    const { reply } = await play(name);
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([status, { error }]);
    if (status === 503) expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('of somebody else’s engine are never shown', async () => {
    const { reply } = await play('vllm-unauthorized');
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([503, { error: { code: 'no_replica' } }]);
  });
});

const { LLAMA_SERVER: binary, LLAMA_MODEL: model } = process.env;
if (binary !== undefined && model !== undefined) llamaServerContract(binary, model);
