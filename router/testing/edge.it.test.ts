import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:net';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { Router } from '../service.ts';
import { contentOf } from './chat-frames.ts';
import { ask } from './client.ts';
import { replicaAt, accessDocument } from '#shared/testing/documents.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import { answerJson, startScriptedUpstream, streamWords, type ScriptedUpstream } from './scripted-upstream.ts';

let edge: Edge;
let upstream: ScriptedUpstream;
let router: Router;
let endpoint: EdgeEndpoint;
let other: EdgeEndpoint;

const started = endAfterAll();
beforeAll(async () => {
  edge = await started.use(startEdge());
  upstream = await started.use(startScriptedUpstream(answerJson(200, { id: 'x', choices: [] })));
  endpoint = await edge.addEndpoint([upstream.port], ['org/model-a', 'alias-a']);
  other = await edge.addEndpoint([upstream.port], ['model-b']);
  router = await started.use(
    edge.startRouter({ env: { FAIRWAY_BODY_BYTES_MAX: '200000', FAIRWAY_BODY_BUDGET_BYTES: '300000' } }),
  );
});

const auth = (one: EdgeEndpoint): Record<string, string> => ({ authorization: `Bearer ${one.token}` });
const chat = (model: string, more: object = {}): string =>
  JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], ...more });
const errorOf = (text: string): { code: string; message: string; param: string | null; type: string } =>
  (JSON.parse(text) as { error: { code: string; message: string; param: string | null; type: string } }).error;

describe('routes', () => {
  it.each([
    ['GET', '/', 404, 'unknown_route'],
    ['POST', '/v1/rerank', 404, 'unknown_route'],
    ['GET', '/v1/embeddings', 405, 'method_not_allowed'],
    ['GET', '/metrics', 404, 'unknown_route'],
    ['GET', '/health', 404, 'unknown_route'],
    ['GET', '/v1/chat/completions', 405, 'method_not_allowed'],
    ['PUT', '/v1/completions', 405, 'method_not_allowed'],
    ['POST', '/v1/models', 405, 'method_not_allowed'],
    ['DELETE', '/v1/models/alias-a', 405, 'method_not_allowed'],
    ['POST', '//v1/chat/completions', 400, 'invalid_path'],
    ['POST', '/v1\\chat\\completions', 400, 'invalid_path'],
    ['POST', '/v1/../v1/chat/completions', 400, 'invalid_path'],
    ['POST', '/v1/chat%2fcompletions', 400, 'invalid_path'],
    ['POST', '/v1/chat/completions/', 400, 'invalid_path'],
  ] as const)('%s %s is %i %s', async (...row) => {
    const [method, path, status, code] = row;
    const reply = await ask({ url: router.url, method, path, headers: auth(endpoint) });
    expect([reply.status, errorOf(reply.text).code]).toEqual([status, code]);
    expect(errorOf(reply.text)).toMatchObject({ type: 'invalid_request_error', param: null });
    expect(reply.headers['x-request-id']).toMatch(/^req_/);
    if (status === 405) expect(reply.headers.allow).toBe(path.startsWith('/v1/models') ? 'GET' : 'POST');
  });

  it('answers models from the endpoint’s pools, with %2f in the id', async () => {
    const list = await ask({ url: router.url, method: 'GET', path: '/v1/models', headers: auth(endpoint) });
    expect(JSON.parse(list.text)).toMatchObject({ object: 'list', data: [{ id: 'org/model-a' }, { id: 'alias-a' }] });
    const one = await ask({
      url: router.url,
      method: 'GET',
      path: '/v1/models/org%2Fmodel-a',
      headers: auth(endpoint),
    });
    expect(JSON.parse(one.text)).toMatchObject({ id: 'org/model-a', status: 'ready', max_model_len: 262_144 });
    const none = await ask({ url: router.url, method: 'GET', path: '/v1/models/model-b', headers: auth(endpoint) });
    expect([none.status, errorOf(none.text).code]).toEqual([404, 'model_not_found']);
    const noToken = await ask({ url: router.url, method: 'GET', path: '/v1/models' });
    expect(noToken.status).toBe(401);
    expect(upstream.seen).toEqual([]);
  });

  it('answers what is no HTTP in the same shape', async () => {
    const raw = async (text: string): Promise<string> => {
      const socket = connect(Number(new URL(router.url).port), '127.0.0.1');
      socket.write(text);
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      await once(socket, 'close');
      return Buffer.concat(chunks).toString();
    };
    const large = `x-big: ${'a'.repeat(40_000)}`;
    expect(await raw(`GET /v1/models HTTP/1.1\r\nhost: a\r\n${large}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431 .*header_too_large/s,
    );
    const both = 'host: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked';
    const smuggled = await raw(`POST /v1/chat/completions HTTP/1.1\r\n${both}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`);
    expect(smuggled).toMatch(/^HTTP\/1.1 400 .*bad_request/s);
    expect(await raw('GET /v1/models HTTP/1.1\r\nhost: a b/c\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe('who may call what', () => {
  it('binds token and host together', async () => {
    const send = (host: string, one: EdgeEndpoint, model: string) =>
      ask({ url: router.url, headers: { ...auth(one), host }, body: chat(model) });
    expect((await send(endpoint.host, endpoint, 'alias-a')).status).toBe(200);
    expect((await send(`${endpoint.host}:1234`, endpoint, 'alias-a')).status).toBe(200);
    expect((await send('127.0.0.1', other, 'model-b')).status).toBe(200);
    expect((await send(endpoint.host, other, 'model-b')).status).toBe(401);
    expect((await send('unknown.example', endpoint, 'alias-a')).status).toBe(401);
  });

  it('names the models that may be asked for, and never another endpoint’s', async () => {
    const reply = await ask({ url: router.url, headers: auth(endpoint), body: chat('model-b') });
    expect(reply.status).toBe(404);
    expect(errorOf(reply.text)).toMatchObject({ code: 'model_not_found', param: 'model' });
    expect(errorOf(reply.text).message).toContain('org/model-a, alias-a');
    const none = await ask({ url: router.url, headers: auth(endpoint), body: '{"messages":[]}' });
    expect([none.status, errorOf(none.text).param]).toEqual([400, 'model']);
  });

  it('takes a new token and drops a revoked one as soon as the document changes', async () => {
    const token = formatToken('access', new Uint8Array(24).fill(3));
    const call = () => ask({ url: router.url, headers: { 'x-api-key': token }, body: chat('model-b') });
    expect((await call()).status).toBe(401);
    const before = other.access;
    other.access = accessDocument({ ...other.document, hashes: [keyedHash(edge.hashKey, token)] });
    await edge.publish(other);
    await eventually(async () => expect((await call()).status).toBe(200));
    other.access = before;
    await edge.publish(other);
    await eventually(async () => expect((await call()).status).toBe(401));
  });
});

describe('bodies', () => {
  it('go to the engine byte for byte', async () => {
    const body =
      ' {\r\n\t"model" : "org/model-a" , "x":1.0E+400,"y":123456789012345678901234567890,"z":"\\u00e9é\\ud83d\\ude00😀",\n"messages":[ {"content":"a\\/b","role":"user"} ]}\n';
    await ask({ url: router.url, headers: auth(endpoint), body });
    const seen = upstream.seen.at(-1);
    expect(seen?.body.toString()).toBe(body);
    expect(seen?.path).toBe('/v1/chat/completions');
  });

  it('carry the client’s headers without its credential and its hop’s', async () => {
    const sent = {
      cookie: 'a=b',
      te: 'trailers',
      connection: 'close, x-hop',
      'x-hop': '1',
      'x-trace': 't',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-request-id': 'mine',
      forwarded: 'for=10.0.0.1',
      'keep-alive': 'timeout=5',
      'proxy-authorization': 'Basic abc',
      'x-forwarded-for': '10.0.0.1',
      'x-gateway-destination-endpoint': '10.0.0.1:80',
      'x-gateway-destination-endpoint-subset': '10.0.0.1:80',
      'x-llm-d-inference-objective': 'a',
      'x-fairway-replica': 'a',
      'x-cache-salt': 'a',
      'x-tenant-id': 'a',
      'x-smg-target-worker': 'a',
    };
    const reply = await ask({ url: router.url, headers: { ...auth(endpoint), ...sent }, body: chat('org/model-a') });
    const headers = upstream.seen.at(-1)?.headers ?? {};
    expect(headers).toMatchObject({
      authorization: 'Bearer upstream-secret',
      traceparent: sent.traceparent,
      'x-request-id': reply.headers['x-request-id'],
    });
    const passed = Object.keys(headers).filter((name) => name in sent && name !== 'x-request-id');
    expect(passed.toSorted()).toEqual(['connection', 'traceparent']);
    expect(headers.connection).toBe('keep-alive');
    expect(reply.headers).toMatchObject({
      'x-client-request-id': 'mine',
      'openai-processing-ms': expect.stringMatching(/^\d+$/),
    });
    expect(reply.headers['x-request-id']).not.toBe('mine');
  });

  it.each([
    ['not json', 'invalid_body'],
    ['[]', 'invalid_body'],
    ['{"model":"alias-a","model":"model-b"}', 'ambiguous_body'],
    ['{"mod\\u0065l":"alias-a"}', 'ambiguous_body'],
    ['{"model":"alias-a","stream":"yes"}', 'invalid_body'],
  ])('%s is refused as %s', async (body, code) => {
    const reply = await ask({ url: router.url, headers: auth(endpoint), body });
    expect([reply.status, errorOf(reply.text).code]).toEqual([400, code]);
  });

  it('are refused when they are compressed or no JSON', async () => {
    for (const headers of [{ 'content-type': 'text/plain' }, { 'content-encoding': 'gzip' }])
      expect(
        (await ask({ url: router.url, headers: { ...auth(endpoint), ...headers }, body: chat('alias-a') })).status,
      ).toBe(415);
  });

  it('that are too long get a 413 that is read by clients, also those that send it all before they read', async () => {
    const socket = connect(Number(new URL(router.url).port), '127.0.0.1');
    const { authorization = '' } = auth(endpoint);
    const head = `host: 127.0.0.1\r\nauthorization: ${authorization}\r\ncontent-length: ${8 * 1024 * 1024}`;
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\n${head}\r\n\r\n`);
    for (let sent = 0; sent < 128; sent += 1)
      await new Promise<void>((resolve, reject) =>
        socket.write(Buffer.alloc(65_536, 0x20), (error) => (error ? reject(error) : resolve())),
      );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413 .*request_too_large/s);
    socket.destroy();
  });

  it('that are too long get a readable 413, announced or not', async () => {
    const body = chat('alias-a', { padding: 'x'.repeat(2_000_000) });
    for (const sent of [body, new Blob([body]).stream()]) {
      const reply = await fetch(`${router.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...auth(endpoint), 'content-type': 'application/json' },
        body: sent,
        duplex: 'half',
      });
      expect([reply.status, errorOf(await reply.text()).code]).toEqual([413, 'request_too_large']);
    }
  });

  it('that engines have got make room for others; then others wait unread, and get a 503', async () => {
    const waiting = Promise.withResolvers<void>();
    upstream.script = async (seen) => {
      await waiting.promise;
      await answerJson(200, {})(seen);
    };
    const send = () =>
      ask({ url: router.url, headers: auth(endpoint), body: chat('alias-a', { padding: 'x'.repeat(120_000) }) });
    const before = upstream.seen.length;
    const sent = [send(), send(), send(), send()];
    await eventually(() => expect(upstream.seen.length).toBe(before + 4));
    const text = await (await fetch(`${router.adminUrl}/metrics`)).text();
    expect(text).toMatch(/^fairway_router_replay_copies_given_up_total\S* [1-9]/m);
    const { authorization = '' } = auth(endpoint);
    const head = `host: 127.0.0.1\r\nauthorization: ${authorization}\r\ncontent-length: 120000`;
    const held = [1, 2, 3].map(() => connect(Number(new URL(router.url).port), '127.0.0.1'));
    for (const socket of held) socket.write(`POST /v1/chat/completions HTTP/1.1\r\n${head}\r\n\r\n{`);
    const [answer] = (await Promise.race(held.map((socket) => once(socket, 'data')))) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 503 [\s\S]*retry-after: \d\d?\r\n[\s\S]*"overloaded"/);
    for (const socket of held) socket.destroy();
    waiting.resolve();
    expect((await Promise.all(sent)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await send()).status).toBe(200);
    upstream.script = answerJson(200, { id: 'x', choices: [] });
  });
});

describe('without the control plane', () => {
  it('serves from memory while NATS is away, and from disk after a restart', async () => {
    const files = await readdir(edge.stateDir);
    const path = join(edge.stateDir, files.find((name) => name.endsWith('.json')) ?? '');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const call = (url: string) => ask({ url, headers: auth(endpoint), body: chat('alias-a', { stream: true }) });
    upstream.script = streamWords('still', 'here');
    await edge.nats.kill();
    try {
      expect(contentOf((await call(router.url)).text)).toBe('stillhere');
      await using restarted = await edge.startRouter();
      expect(contentOf((await call(restarted.url)).text)).toBe('stillhere');
    } finally {
      await edge.nats.restart();
    }
    other.document = { ...other.document, replicas: [...other.document.replicas, replicaAt(upstream.port)] };
    await eventually(async () => {
      await edge.publish(other);
      const reply = await ask({ url: router.url, headers: auth(other), body: chat('model-b', { stream: true }) });
      expect(reply.status).toBe(200);
    });
  });

  it('serves while Redis is away', async () => {
    await edge.redis.kill();
    try {
      const replies = await Promise.all(
        Array.from({ length: 20 }, () =>
          ask({ url: router.url, headers: auth(endpoint), body: chat('alias-a', { stream: true }) }),
        ),
      );
      expect(new Set(replies.map(({ text }) => contentOf(text)))).toEqual(new Set(['stillhere']));
    } finally {
      await edge.redis.restart();
    }
  });
});
