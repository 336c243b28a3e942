import { once } from 'node:events';
import { connect } from 'node:net';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { Engine } from '../engine/engine.ts';
import { presets } from '../engine/presets.ts';
import type { ModelServer } from './model-server.ts';
import { recordedVllm } from '../testing/recorded-vllm.ts';
import { chatPath, expectShape, frames, key, model, post, start } from '../testing/sim-lab.ts';

function client({ url }: ModelServer): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
}

async function metric(server: ModelServer, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (.*)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

const chat = { model, max_tokens: 4, messages: [{ role: 'user' as const, content: 'The capital of France is' }] };

describe('with the openai client', () => {
  it('streams a chat with usage', async () => {
    const stream = await client(await start()).chat.completions.create({
      ...chat,
      max_tokens: 60,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    const ends: (string | null)[] = [];
    let tokens = 0;
    for await (const { choices, usage } of stream) {
      text += choices[0]?.delta.content ?? '';
      if (choices[0]?.finish_reason) ends.push(choices[0].finish_reason);
      tokens = usage?.completion_tokens ?? tokens;
    }
    expect(text).toMatch(/^This is a simulated model \(no weights are loaded\)\. [A-Z]/);
    expect(ends).toHaveLength(1);
    expect(tokens).toBeGreaterThan(10);
  });

  it('answers whole chats and text completions, and lists its model', async () => {
    const openai = client(await start());
    const whole = await openai.chat.completions.create(chat);
    expect(whole.choices[0]?.message.content).toBe('This is a simulated');
    expect(whole.usage).toMatchObject({ completion_tokens: 4, prompt_tokens_details: { cached_tokens: 0 } });
    const text = await openai.completions.create({ model, prompt: 'Once', max_tokens: 2 });
    expect(text.choices[0]).toMatchObject({ text: 'This is', finish_reason: 'length' });
    const ids = [];
    for await (const { id } of openai.models.list()) ids.push(id);
    expect(ids).toEqual([model]);
  });

  it('reports ever more cached tokens over the turns of a conversation', async () => {
    const server = await start();
    const openai = client(server);
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: 'system', content: 'You explain caches. '.repeat(20) },
    ];
    const cached: number[] = [];
    const prompts: number[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      messages.push({ role: 'user', content: `Question ${turn}: how does it work?` });
      const reply = await openai.chat.completions.create({ model, messages });
      messages.push({ role: 'assistant', content: reply.choices[0]?.message.content ?? '' });
      cached.push(reply.usage?.prompt_tokens_details?.cached_tokens ?? -1);
      prompts.push((reply.usage?.prompt_tokens ?? 0) + (reply.usage?.completion_tokens ?? 0));
    }
    expect(cached[0]).toBe(0);
    for (let turn = 1; turn < 6; turn += 1) {
      expect((cached[turn] ?? 0) % 16).toBe(0);
      // Everything of the turn before, its answer included, but the last block that was not full.
      expect(cached[turn]).toBeGreaterThan((prompts[turn - 1] ?? 0) - 32);
    }
    expect(await metric(server, 'vllm:prefix_cache_hits_total')).toBe(cached.reduce((sum, tokens) => sum + tokens, 0));
  });

  it('answers the same request with the same text after a restart', async () => {
    const texts = [];
    for (const server of [await start(), await start()])
      texts.push(
        (await client(server).chat.completions.create({ ...chat, max_tokens: 200 })).choices[0]?.message.content,
      );
    expect(texts[0]).toBe(texts[1]);
  });
});

describe('shapes as recorded from vLLM 0.32', () => {
  const usage = { stream: true, stream_options: { include_usage: true } };

  it('chat stream', async () => {
    const server = await start();
    const withUsage = await frames(await post(server, { ...chat, ...usage }));
    expect(withUsage).toHaveLength(1 + 4 + 1 + 1);
    expectShape(withUsage[0], recordedVllm.roleFrame);
    expectShape(withUsage[1], recordedVllm.tokenFrame);
    expectShape(withUsage[4], recordedVllm.lastFrame);
    expectShape(withUsage[5], recordedVllm.usageFrame);
    expect(withUsage[6]).toBe('data: [DONE]');
    const without = await frames(await post(server, { ...chat, stream: true }));
    expect(without).toHaveLength(1 + 4 + 1);
    expectShape(without[4], recordedVllm.lastFrameWithoutUsage);
    const stream_options = { include_usage: true, continuous_usage_stats: true };
    const continuous = await frames(await post(server, { ...chat, stream: true, stream_options }));
    expectShape(continuous[1], recordedVllm.continuousTokenFrame);
  });

  it('text stream', async () => {
    const body = { model, prompt: 'Once', max_tokens: 3, stream: true };
    const got = await frames(await post(await start(), body, { path: '/v1/completions' }));
    expect(got).toHaveLength(3 + 1);
    expectShape(got[0], recordedVllm.textTokenFrame);
    expectShape(got[2], recordedVllm.textLastFrame);
  });

  it('whole answers and the model list', async () => {
    const server = await start();
    expectShape(await (await post(server, chat)).text(), recordedVllm.chat);
    const text = await (await post(server, { model, prompt: 'x', max_tokens: 4 }, { path: '/v1/completions' })).text();
    expectShape(text, recordedVllm.text.replace('"created_cache_tokens":null', '"created_cache_tokens":0'));
    const models = await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    expectShape(await models.text(), recordedVllm.models);
  });

  const long = { ...chat, messages: [{ role: 'user', content: 'a b c d '.repeat(1100) }] };
  it.each([
    { of: 'bad JSON', body: '{"model":"tiny",}', status: 400, recorded: recordedVllm.badJson },
    { of: 'no messages', body: { model }, status: 400, recorded: recordedVllm.missingMessages },
    { of: 'unknown model', body: { ...chat, model: 'nope' }, status: 404, recorded: recordedVllm.unknownModel },
    { of: 'too long', body: long, status: 400, recorded: recordedVllm.tooLong },
    { of: 'too long in a stream', body: { ...long, stream: true }, status: 400, recorded: recordedVllm.tooLong },
    { of: 'too much output', body: { ...chat, max_tokens: 9000 }, status: 400, recorded: recordedVllm.maxTokensTooBig },
    { of: 'temperature', body: { ...chat, temperature: -3 }, status: 400, recorded: recordedVllm.badTemperature },
    { of: 'too many answers', body: { ...chat, n: 129 }, status: 400, recorded: recordedVllm.badTemperature },
  ])('error: $of', async ({ body, status, recorded }) => {
    const response = await post(await start(), body);
    expect(response.status).toBe(status);
    expectShape(await response.text(), recorded);
  });

  it('no key, wrong key, wrong path, wrong method, wrong content type', async () => {
    const server = await start();
    for (const headers of [{ authorization: '' }, { authorization: 'Bearer other' }]) {
      const refused = await post(server, chat, { headers });
      expect([refused.status, await refused.text()]).toEqual([401, recordedVllm.unauthorized]);
    }
    const nowhere = await post(server, chat, { path: '/v1/rerank' });
    expect([nowhere.status, await nowhere.text()]).toEqual([404, recordedVllm.unknownPath]);
    const got = await fetch(server.url + chatPath, { headers: { authorization: `Bearer ${key}` } });
    expect([got.status, got.headers.get('allow'), await got.text()]).toEqual([405, 'POST', recordedVllm.wrongMethod]);
    const plain = await post(server, chat, { headers: { 'content-type': 'text/plain' } });
    expect(plain.status).toBe(400);
    expectShape(await plain.text(), recordedVllm.wrongContentType);
  });

  it('a full queue', async () => {
    const response = await post(await start(['--max-num-queued-reqs=0']), chat);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, null]);
    expectShape(await response.text(), recordedVllm.overload);
  });

  it('a queue that is full of prompts which are being cut into tokens', async () => {
    const server = await start(['--max-num-queued-reqs=1', '--max-model-len=200000', '--time-scale=1000']);
    const messages = [{ role: 'user', content: ' word'.repeat(100_000) }];
    const first = post(server, { ...chat, messages }).then(
      ({ status }) => status,
      () => 'cut',
    );
    await eventually(() => expect(server.desk.open).toBe(1));
    expect((await post(server, chat)).status).toBe(503);
    await server[Symbol.asyncDispose]();
    expect(await first).toBe('cut');
  });

  it('what its engine could never run, before it is cut into tokens', async () => {
    const engine = new Engine({ ...presets['30b-a3b-h200'], kvTokens: 640 });
    const server = await start(['--time-scale=1000'], { engine });
    const messages = [{ role: 'user', content: ' word'.repeat(1000) }];
    const response = await post(server, { ...chat, messages });
    expect([response.status, await response.text()]).toEqual([500, expect.stringContaining('whole KV cache')]);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  it('health, request ids and metrics need no key', async () => {
    const server = await start();
    const health = await fetch(`${server.url}/health`, { headers: { 'x-request-id': 'rid-1' } });
    expect([health.status, health.headers.get('content-length'), health.headers.get('x-request-id')]).toEqual([
      200,
      '0',
      'rid-1',
    ]);
    expect((await fetch(`${server.url}/version`)).status).toBe(401);
    await post(server, chat);
    expect(await metric(server, 'vllm:generation_tokens_total')).toBe(4);
    expect(await metric(server, 'vllm:time_to_first_token_seconds_count')).toBe(1);
    expect(await metric(server, 'vllm:kv_cache_usage_perc')).toBe(0);
  });
});

describe('bounds', () => {
  it('answers 413 to a body that is too long, readably', async () => {
    const body = { ...chat, messages: [{ role: 'user', content: 'x'.repeat(300_000) }] };
    const response = await post(await start(['--max-body-bytes=100000']), body);
    expect(response.status).toBe(413);
    expectShape(await response.text(), recordedVllm.overload);
  });

  it('says who is wrong when its port is taken', async () => {
    const { port } = new URL((await start()).url);
    await expect(start([`--port=${port}`])).rejects.toThrow(`Port ${port} on 127.0.0.1 is taken.`);
  });

  it('runs two requests with the same request id side by side', async () => {
    const server = await start();
    const headers = { 'x-request-id': 'rid-1' };
    const answers = await Promise.all([post(server, chat, { headers }), post(server, chat, { headers })]);
    for (const answer of answers) expect(await answer.json()).toMatchObject({ id: 'chatcmpl-rid-1' });
  });

  it('is not healthy and refuses while it loads', async () => {
    const [loading, soon] = [await start(['--load-ms=600000']), await start(['--load-ms=100'])];
    expect((await fetch(`${loading.url}/health`)).status).toBe(503);
    expect((await post(loading, chat)).status).toBe(503);
    await eventually(async () => expect((await fetch(`${soon.url}/health`)).status).toBe(200));
    expect((await post(soon, chat)).status).toBe(200);
  });

  it('cuts a reader that takes nothing', async () => {
    const server = await start(['--time-scale=0.001', '--stalled-reader-timeout-ms=300', '--max-model-len=200000']);
    const body = JSON.stringify({ ...chat, max_tokens: 60_000, ignore_eos: true, stream: true });
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname).pause();
    const head = ['POST /v1/chat/completions HTTP/1.1', 'host: x', `authorization: Bearer ${key}`];
    socket.write([...head, 'content-type: application/json', `content-length: ${body.length}`, '', body].join('\r\n'));
    await eventually(() => expect(server.desk.open).toBe(1));
    await eventually(() => expect(server.desk.open).toBe(0));
    let tail = '';
    socket.on('data', (data) => (tail = (tail + data.toString()).slice(-1000)));
    socket.on('error', () => {});
    await once(socket.resume(), 'close');
    expect(tail).not.toContain('[DONE]');
  });
});
