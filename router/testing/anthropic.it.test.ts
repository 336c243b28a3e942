import { once } from 'node:events';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { ask, start, type RawRequest, type Reply } from './client.ts';
import { playing, recordedAnswer } from './recorded-answer.ts';
import { startOneRouter } from './one-router.ts';
import type { Edge, EdgeEndpoint } from './router-fixture.ts';
import { answerJson, beginStream, type Script, type ScriptedUpstream } from './scripted-upstream.ts';

const started = endAfterAll();
const stream = recordedAnswer('vllm-messages-stream');
const whole = recordedAnswer('llama-messages');
let edge: Edge;
let upstreams: ScriptedUpstream[];
let endpoint: EdgeEndpoint;
let router: Router;

beforeAll(async () => {
  const starting = startOneRouter(playing(whole), { models: ['org/big', 'claude-sonnet'] });
  ({ edge, upstreams, endpoint, router } = await started.use(starting));
});
beforeEach(() => scriptAll(playing(whole)));

function scriptAll(...scripts: Script[]): void {
  let next = 0;
  for (const upstream of upstreams) {
    upstream.seen.length = 0;
    upstream.script = (seen) => (scripts[next++] ?? scripts.at(-1) ?? playing(whole))(seen);
  }
}

const seen = () => upstreams.flatMap((upstream) => upstream.seen);
const message = (more: object = {}): string =>
  JSON.stringify({ model: 'org/big', max_tokens: 8, messages: [{ role: 'user', content: 'hi' }], ...more });
const request = (body: string, more: Partial<RawRequest> = {}): RawRequest => ({
  url: router.url,
  path: '/v1/messages',
  body,
  ...more,
  headers: { 'x-api-key': endpoint.token, 'anthropic-version': '2023-06-01', ...more.headers },
});
const send = (body: string, more: Partial<RawRequest> = {}) => ask(request(body, more));
const errorOf = ({ text }: Reply): unknown => JSON.parse(text);
const errorLike = (type: string, code: string) => ({
  type: 'error',
  error: { type, message: expect.any(String), details: { error_code: code } },
  request_id: expect.stringMatching(/^req_/),
});
/** Some events of a stream, then the connection ends. */
const breaking =
  (events: number): Script =>
  ({ response }) => {
    beginStream(response);
    response.write(stream.body.split('\n\n').slice(0, events).join('\n\n') + '\n\n', () => response.destroy());
  };

describe('POST /v1/messages', () => {
  it('takes either credential, and goes out byte for byte with the version and betas that its client names', async () => {
    const bearer = { 'x-api-key': '', authorization: `Bearer ${endpoint.token}` };
    const betas = { 'anthropic-beta': 'a-1,b-2', 'anthropic-version': '2026-10-21' };
    const body = ` {"model":"org/big","max_tokens" : 8,\n"messages":[],"unknown":1.0e400}`;
    for (const headers of [betas, { ...bearer, ...betas }]) {
      const reply = await send(body, { headers });
      expect([reply.status, reply.text]).toEqual([200, whole.body]);
      expect(reply.headers).toMatchObject({
        'request-id': reply.headers['x-request-id'],
        'x-fairway-processing-ms': expect.stringMatching(/^\d+$/),
      });
      const got = seen().pop();
      expect([got?.path, got?.body.toString()]).toEqual(['/v1/messages', body]);
      expect(got?.headers).toMatchObject({ ...betas, authorization: 'Bearer upstream-secret' });
      expect(got?.headers['x-api-key']).toBeUndefined();
      scriptAll(playing(whole));
    }
  });

  it('streams events as they come, and names the model as its engine does', async () => {
    scriptAll(playing(stream));
    const reply = await send(message({ model: 'claude-sonnet', stream: true }), { path: '/v1/messages?beta=true' });
    expect(reply.headers['content-type']).toMatch(/^text\/event-stream/);
    expect(reply.text).toBe(stream.body.trimEnd() + '\n\n');
    expect(seen()[0]?.body.toString()).toBe(message({ model: 'org/big', stream: true }));
  });

  it('keeps a silent stream alive with comments, and takes an engine’s pings for none', async () => {
    const waited = Promise.withResolvers<void>();
    scriptAll(async ({ response }) => {
      beginStream(response);
      response.write('event: ping\ndata: {"type":"ping"}\n\n');
      await waited.promise;
      response.end(stream.body);
    });
    const env = { FAIRWAY_HEARTBEAT_AFTER_MS: '100', FAIRWAY_HEARTBEAT_MS: '50' };
    const { url } = await started.use(edge.startRouter({ env }));
    const response = await start(request(message({ stream: true }), { url })).response;
    response.setEncoding('utf8');
    let text = '';
    response.on('data', (chunk: string) => (text += chunk));
    await eventually(() => expect(text).toMatch(/^(: keep-alive\n\n){2,}$/));
    waited.resolve();
    await once(response, 'end');
    expect(text.replaceAll(': keep-alive\n\n', '')).toBe(stream.body.trimEnd() + '\n\n');
  });

  it('is tried elsewhere before its first content, and told as an event after it', async () => {
    scriptAll(breaking(2), playing(stream));
    expect((await send(message({ stream: true }))).text).toBe(stream.body.trimEnd() + '\n\n');
    expect(seen()).toHaveLength(2);
    scriptAll(breaking(4));
    const { text } = await send(message({ stream: true }));
    const last = /event: error\ndata: (.*)\n\n$/.exec(text)?.[1] ?? '';
    expect(JSON.parse(last)).toEqual(errorLike('api_error', 'upstream_disconnected'));
    expect(text).not.toContain('message_stop');
  });

  it('that ends without its mark gets one when the message was whole', async () => {
    scriptAll(({ response }) => {
      beginStream(response);
      response.end(stream.body.slice(0, stream.body.indexOf('event: message_stop')));
    });
    expect((await send(message({ stream: true }))).text).toBe(stream.body.trimEnd() + '\n\n');
  });

  it('relays what an engine refuses: in its own words, in Anthropic’s shape, under Anthropic’s status', async () => {
    const own = { type: 'error', error: { type: 'invalid_request_error', message: 'no' } };
    scriptAll(answerJson(400, own));
    expect(errorOf(await send(message()))).toEqual(own);
    const vllm = { type: 'error', error: { type: 'BadRequestError', message: 'no' } };
    scriptAll(answerJson(400, vllm));
    expect(errorOf(await send(message()))).toMatchObject({
      error: { type: 'invalid_request_error', message: 'no', details: { original: vllm } },
    });
    const tooLong = {
      error: { code: 400, message: 'exceeds the available context size', type: 'exceed_context_size_error' },
    };
    scriptAll(answerJson(400, tooLong));
    const long = await send(message({ stream: true }));
    expect([long.status, errorOf(long)]).toMatchObject([
      400,
      {
        error: {
          type: 'invalid_request_error',
          message: `prompt is too long: ${tooLong.error.message}`,
          details: { original: tooLong },
        },
      },
    ]);
    scriptAll(answerJson(503, { detail: 'queue is full' }));
    const busy = await send(message());
    expect([busy.status, errorOf(busy)]).toMatchObject([
      529,
      { error: { type: 'overloaded_error', message: 'queue is full' } },
    ]);
    expect(busy.headers).toMatchObject({ 'retry-after': '1', 'retry-after-ms': '1000', 'x-should-retry': 'true' });
  });
});

describe('POST /v1/messages/count_tokens', () => {
  it('is answered by an engine', async () => {
    scriptAll(answerJson(200, { input_tokens: 7 }));
    const body = JSON.stringify({ model: 'claude-sonnet', messages: [], system: 'x' });
    const reply = await send(body, { path: '/v1/messages/count_tokens' });
    expect([reply.status, JSON.parse(reply.text)]).toEqual([200, { input_tokens: 7 }]);
    expect(seen()[0]).toMatchObject({ path: '/v1/messages/count_tokens' });
    expect(seen()[0]?.body.toString()).toBe(body.replace('claude-sonnet', 'org/big'));
  });
});

describe('GET /v1/models', () => {
  it('has the shape that its caller’s API gives it', async () => {
    const list = await send('', { method: 'GET', path: '/v1/models' });
    expect(JSON.parse(list.text)).toMatchObject({
      data: [
        { type: 'model', id: 'org/big', display_name: 'org/big', status: 'ready', max_model_len: 262_144 },
        { id: 'claude-sonnet' },
      ],
      has_more: false,
      first_id: 'org/big',
      last_id: 'claude-sonnet',
    });
    const none = await send('', { method: 'GET', path: '/v1/models/none' });
    expect([none.status, errorOf(none)]).toMatchObject([404, errorLike('not_found_error', 'model_not_found')]);
    const headers = { authorization: `Bearer ${endpoint.token}` };
    const other = await ask({ url: router.url, method: 'GET', path: '/v1/models', headers });
    expect(JSON.parse(other.text)).toMatchObject({ object: 'list', data: [{ object: 'model' }, {}] });
  });
});

describe('what is no message', () => {
  it.each([
    ['POST', '/v1/messages', '', 401, 'authentication_error', 'invalid_api_key'],
    ['POST', '/v1/messages', '{"model":"x"}', 404, 'not_found_error', 'model_not_found'],
    ['POST', '/v1/messages', '[]', 400, 'invalid_request_error', 'invalid_body'],
    ['GET', '/v1/messages', '', 405, 'invalid_request_error', 'method_not_allowed'],
    ['POST', '/v1/messages/batches', '{}', 404, 'not_found_error', 'unknown_route'],
    ['POST', '/v1/files', '{}', 404, 'not_found_error', 'unknown_route'],
    ['POST', '//v1/messages', '{}', 400, 'invalid_request_error', 'invalid_path'],
  ] as const)('%s %s %s is %i %s %s', async (...row) => {
    const [method, path, body, status, type, code] = row;
    const reply = await send(body, { method, path, ...(status === 401 && { headers: { 'x-api-key': 'wrong' } }) });
    expect([reply.status, errorOf(reply)]).toMatchObject([status, errorLike(type, code)]);
    expect(reply.headers['request-id']).toBe((errorOf(reply) as { request_id: string }).request_id);
  });
});
