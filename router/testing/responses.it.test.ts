import OpenAI, { APIError } from 'openai';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { ask, readAll, start } from './client.ts';
import { responseEvents } from './responses-frames.ts';
import { startOneRouter } from './one-router.ts';
import type { Edge, EdgeEndpoint } from './router-fixture.ts';
import { answerJson, beginStream, type Script, type ScriptedUpstream } from './scripted-upstream.ts';

let edge: Edge;
let upstreams: ScriptedUpstream[];
let endpoint: EdgeEndpoint;
let router: Router;
let client: OpenAI;

const { head, item, part, text, done, completed, incomplete, failed } = responseEvents('resp_1');
const streamed =
  (...parts: string[]): Script =>
  ({ response }) => {
    beginStream(response);
    response.end(parts.join(''));
  };
const good = streamed(head(), item(), part(), text('a'), text('b'), done('ab'), completed());
const answer = { id: 'resp_1', object: 'response', status: 'completed', error: null, output: [] };

const started = endAfterAll();
beforeAll(async () => {
  const starting = startOneRouter(good, { models: ['org/big', 'alias'] });
  ({ edge, upstreams, endpoint, router } = await started.use(starting));
  client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: endpoint.token, maxRetries: 0 });
});
beforeEach(() => {
  setScript(good);
  for (const upstream of upstreams) upstream.seen.length = 0;
});

const seen = () => upstreams.flatMap((upstream) => upstream.seen);
const setScript = (script: Script) => {
  for (const upstream of upstreams) upstream.script = script;
};
const raw = (body: object, path = '/v1/responses') =>
  ask({ url: router.url, path, headers: { authorization: `Bearer ${endpoint.token}` }, body: JSON.stringify(body) });
const hello = { model: 'org/big', input: 'hello' } as const;

/** Types of the events that the SDK gives out, and what it throws. */
async function consume(body: object = {}): Promise<{ types: string[]; ids: Set<string>; thrown: unknown }> {
  const types: string[] = [];
  const ids = new Set<string>();
  try {
    for await (const event of await client.responses.create({ ...hello, ...body, stream: true })) {
      types.push(event.type);
      if ('response' in event) ids.add(event.response.id);
    }
    return { types, ids, thrown: undefined };
  } catch (thrown) {
    return { types, ids, thrown };
  }
}

async function metric(name: string): Promise<number> {
  const lines = (await (await fetch(`${router.adminUrl}/metrics`)).text()).split('\n');
  return Number(
    lines
      .find((line) => line.startsWith(`fairway_router_${name}`))
      ?.split(' ')
      .at(-1) ?? 0,
  );
}

describe('POST /v1/responses', () => {
  it('streams every byte, and its usage is counted', async () => {
    const before = await metric('tokens_total{kind="prompt"');
    const reply = await raw({ ...hello, stream: true, anything: 'else' });
    const fresh = responseEvents('resp_1');
    expect(reply.text).toBe(
      [
        fresh.head(),
        fresh.item(),
        fresh.part(),
        fresh.text('a'),
        fresh.text('b'),
        fresh.done('ab'),
        fresh.completed(),
      ].join(''),
    );
    expect(JSON.parse(String(seen()[0]?.body))).toEqual({ ...hello, stream: true, anything: 'else' });
    expect(await metric('tokens_total{kind="prompt"')).toBe(before + 20);
  });

  it('serves the SDK, streamed and whole; an alias goes out as the model’s name', async () => {
    const final = await client.responses.stream({ model: 'alias', input: 'hello' }).finalResponse();
    expect([final.id, final.status]).toEqual(['resp_1', 'completed']);
    setScript(answerJson(200, answer));
    expect((await client.responses.create({ ...hello, model: 'alias' })).id).toBe('resp_1');
    for (const { body } of seen()) expect(JSON.parse(String(body))).toMatchObject({ model: 'org/big' });
  });

  it('that ends as incomplete is whole', async () => {
    setScript(streamed(head(), text('a'), incomplete()));
    expect(await consume()).toMatchObject({ types: { length: 4 }, thrown: undefined });
  });

  it.each([
    ['a lost connection', ({ response }) => void response.destroy(), true],
    ['a head without more', streamed(head(), item(), part(), text('')), true],
    ['an engine’s own end', streamed(head(), failed()), true],
    ['a status', answerJson(500, { error: 'no' }), true],
    ['a failed whole answer', answerJson(200, { ...answer, status: 'failed', error: { message: 'no' } }), false],
  ] satisfies [string, Script, boolean][])('%s before any output is tried elsewhere', async (_, fault, stream) => {
    let asked = 0;
    setScript((one) => (++asked === 1 ? fault : stream ? good : answerJson(200, answer))(one));
    const reply = await raw({ ...hello, stream });
    expect([reply.status, asked]).toEqual([200, 2]);
    expect(reply.text).toContain('"completed"');
    expect(reply.text).not.toContain('"failed"');
  });

  it.each([
    ['lost', streamed(head(), text('a'))],
    ['ended by the engine', streamed(head(), text('a'), failed())],
    ['ended by [DONE]', streamed(head(), text('a'), 'data: [DONE]\n\n')],
  ] satisfies [string, Script][])('a stream %s in the middle fails for the SDK', async (_, script) => {
    setScript(script);
    const { types, thrown, ids } = await consume();
    expect([types.slice(-2), ids]).toEqual([['response.output_text.delta', 'response.failed'], new Set(['resp_1'])]);
    expect(thrown).toBeInstanceOf(APIError);
    expect(thrown).toMatchObject({ code: 'upstream_disconnected' });
  });

  it.each([
    ['goes on', good, /^(: keep-alive\n\n)+event: response.created\n[^]*response.completed/],
    [
      'fails',
      answerJson(400, { error: { message: 'no such tool' } }),
      /^(: keep-alive\n\n)+event: error\n.*no such tool.*\n\nevent: response.failed\n/,
    ],
  ] satisfies [string, Script, RegExp][])(
    'one that is silent at first gets comments, then %s',
    async (_, then, told) => {
      const beating = await edge.startRouter({ env: { FAIRWAY_HEARTBEAT_AFTER_MS: '10', FAIRWAY_HEARTBEAT_MS: '10' } });
      started.keep(beating);
      const seenByClient = Promise.withResolvers<void>();
      setScript(async (one) => {
        await seenByClient.promise;
        await then(one);
      });
      const headers = { authorization: `Bearer ${endpoint.token}` };
      const body = JSON.stringify({ ...hello, stream: true });
      const response = await start({ url: beating.url, path: '/v1/responses', headers, body }).response;
      const reply = readAll(response);
      response.once('data', () => seenByClient.resolve());
      expect(await reply).toMatchObject({ status: 200, text: expect.stringMatching(told) });
    },
  );

  it('a request that is wrong comes back as the engine says it', async () => {
    const error = { message: 'no such tool', type: 'invalid_request_error', param: 'tools', code: 400 };
    setScript(answerJson(400, { error }));
    expect(await raw(hello)).toMatchObject({ status: 400, text: JSON.stringify({ error }) });
    const types = { ...hello, max_output_tokens: 'many' };
    expect(JSON.parse((await raw(types)).text)).toMatchObject({ error: { param: 'max_output_tokens' } });
  });
});

describe('POST /v1/embeddings', () => {
  const vectors = {
    object: 'list',
    data: [{ index: 0, embedding: [1] }],
    usage: { prompt_tokens: 7, total_tokens: 7 },
  };

  it('is whole, whatever its body says, and counts its tokens', async () => {
    setScript(answerJson(200, vectors));
    const before = await metric('tokens_total{kind="prompt"');
    const body = { model: 'alias', input: ['a', 'b'], stream: true };
    expect(await raw(body, '/v1/embeddings')).toMatchObject({ status: 200, text: JSON.stringify(vectors) });
    expect(seen()[0]?.path).toBe('/v1/embeddings');
    expect(JSON.parse(String(seen()[0]?.body))).toEqual({ ...body, model: 'org/big' });
    expect(await metric('tokens_total{kind="prompt"')).toBe(before + 7);
  });

  it('serves the SDK, which asks for base64 by itself', async () => {
    const base64 = Buffer.from(Float32Array.of(0.5, -1).buffer).toString('base64');
    setScript(answerJson(200, { ...vectors, data: [{ index: 0, embedding: base64 }] }));
    const { data } = await client.embeddings.create({ model: 'alias', input: 'a' });
    expect(data[0]?.embedding).toEqual([0.5, -1]);
    expect(String(seen()[0]?.body)).toContain('"encoding_format":"base64"');
  });
});
