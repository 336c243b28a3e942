import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { headers } from '@nats-io/transport-node';
import OpenAI from 'openai';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { subjects } from '#shared/contract/subjects.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { contentOf, frames } from './chat-frames.ts';
import { ask, start } from './client.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import {
  answerJson,
  beginStream,
  startScriptedUpstream,
  streamWords,
  type ScriptedUpstream,
} from './scripted-upstream.ts';

const models = ['org/m:tag', '模型/测试', 'org/m@rev', 'a b', 'plain'];
let edge: Edge;
let upstream: ScriptedUpstream;
let endpoint: EdgeEndpoint;
let other: EdgeEndpoint;
let router: Router;

const started = endAfterAll();
beforeAll(async () => {
  edge = await started.use(startEdge());
  upstream = await started.use(startScriptedUpstream(streamWords('ok')));
  endpoint = await edge.addEndpoint([upstream.port], models);
  other = await edge.addEndpoint([upstream.port], ['plain']);
  router = await started.use(
    edge.startRouter({
      env: {
        FAIRWAY_CLIENT_STALL_TIMEOUT_MS: '300',
        FAIRWAY_BODY_BYTES_MAX: '900000',
        FAIRWAY_BODY_WAIT_MS: '200',
        FAIRWAY_BODY_BUDGET_BYTES: '1000000',
      },
    }),
  );
});
beforeEach(() => {
  upstream.script = streamWords('ok');
  upstream.seen.length = 0;
});

const headersOf = (one: EdgeEndpoint = endpoint) => ({ authorization: `Bearer ${one.token}` });
const chat = (more: object = {}): string =>
  JSON.stringify({ model: 'plain', stream: true, messages: [{ role: 'user', content: 'hi' }], ...more });
const request = (more: object = {}) => ({ url: router.url, headers: headersOf(), body: chat(more) });
const errorOf = (text: string) => (JSON.parse(text) as { error: { code: string; message: string } }).error;

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${router.adminUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`fairway_router_${name}`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

function raw(): Socket {
  const socket = connect(Number(new URL(router.url).port), '127.0.0.1');
  socket.on('error', () => {});
  return socket;
}
const post = (body: string, one = endpoint): string =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${one.token}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`.replace(
    'host: a',
    'host: 127.0.0.1',
  );

describe('a connection that sends requests ahead', () => {
  it('is served one after the other, in order', async () => {
    let busy = 0;
    upstream.script = async ({ response, body }) => {
      busy += 1;
      expect(busy).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      busy -= 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    };
    const socket = raw();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write([1, 2, 3].map((turn) => post(chat({ stream: false, turn }))).join(''));
    await eventually(() =>
      expect(
        Buffer.concat(chunks)
          .toString()
          .match(/"turn":\d/g),
      ).toEqual(['"turn":1', '"turn":2', '"turn":3']),
    );
    socket.destroy();
  });

  it('that takes nothing holds one answer, and is cut', async () => {
    upstream.script = answerJson(200, { text: 'x'.repeat(900_000) });
    const socket = raw();
    socket.pause();
    const cut = await metric('errors_total{code="client_stalled"');
    socket.write(post(chat({ stream: false })).repeat(10));
    await eventually(async () => expect(await metric('errors_total{code="client_stalled"')).toBe(cut + 1));
    socket.resume();
    await once(socket, 'close');
    // What had found room in the kernel may have been one answer or two, never ten.
    expect(upstream.seen.length).toBeLessThan(9);
  });

  it('that sends too many ahead is cut at once', async () => {
    upstream.script = ({ response }) => beginStream(response);
    const before = await metric('cut_connections_total');
    const socket = raw();
    socket.write(post(chat()).repeat(150));
    await once(socket, 'close');
    expect(await metric('cut_connections_total')).toBeGreaterThan(before);
    await eventually(async () => expect(await metric('in_flight_requests')).toBe(0));
    expect(upstream.seen.length).toBeLessThanOrEqual(1);
  });
});

describe('clients that hold back their bodies', () => {
  it('take no other endpoint’s share', async () => {
    const sockets = Array.from({ length: 20 }, () => {
      const socket = raw();
      const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${endpoint.token}`;
      socket.write(`${head}\r\ncontent-length: 800000\r\n\r\n{"x":"${'x'.repeat(700_000)}`);
      return socket;
    });
    await eventually(async () => expect(await metric('errors_total{code="overloaded"')).toBeGreaterThan(10));
    const reply = await ask({ ...request({ padding: 'x'.repeat(50_000) }), headers: headersOf(other) });
    expect([reply.status, contentOf(reply.text)]).toEqual([200, 'ok']);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => expect(await metric('body_bytes')).toBe(0));
  });
});

describe('models', () => {
  it.each(models)('%s can be asked for as it is listed, both ways of writing it', async (id) => {
    const escaped = encodeURIComponent(id);
    for (const written of new Set([escaped, escaped.replaceAll('%2F', '/')])) {
      const path = `/v1/models/${written}`;
      const reply = await ask({ url: router.url, method: 'GET', path, headers: headersOf() });
      expect([reply.status, JSON.parse(reply.text)]).toMatchObject([200, { id, object: 'model' }]);
    }
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: endpoint.token, maxRetries: 0 });
    expect((await client.models.retrieve(id)).id).toBe(id);
    await expect(client.models.retrieve(`${id}/none`)).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('are ready while a replica can take a request, and say so when none can', async () => {
    const gone = await startScriptedUpstream(streamWords('x'));
    const one = await edge.addEndpoint([gone.port], ['m']);
    const status = async () => {
      const reply = await ask({ url: router.url, method: 'GET', path: '/v1/models/m', headers: headersOf(one) });
      return (JSON.parse(reply.text) as { status?: string }).status;
    };
    await eventually(async () => expect(await status()).toBe('ready'));
    await gone[Symbol.asyncDispose]();
    await eventually(async () => expect(await status()).toBe('starting'));
    const reply = await ask({ url: router.url, headers: headersOf(one), body: chat({ model: 'm' }) });
    expect([reply.status, errorOf(reply.text).code]).toEqual([503, 'no_replica']);
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    expect(reply.text).not.toContain(String(gone.port));
  });
});

describe('an engine that stops listening and leaves its streams open and silent', () => {
  it('costs its clients seconds, not the time between two tokens', async () => {
    await using leaving = await startScriptedUpstream(({ response }) => {
      beginStream(response);
      response.write(frames.role + frames.text('half'));
    });
    const one = await edge.addEndpoint([leaving.port], ['m']);
    const call = { url: router.url, headers: headersOf(one), body: chat({ model: 'm' }) };
    await eventually(async () => {
      const begun = start(call);
      expect((await begun.response).statusCode).toBe(200);
      begun.abort();
    });
    const reply = ask(call);
    await eventually(() => expect(leaving.seen.length).toBeGreaterThan(1));
    leaving.stopListening();
    const { text } = await reply;
    expect(contentOf(text.replace(/data: \{"error".*\n\n/, ''))).toBe('half');
    expect(text).toContain('upstream_disconnected');
  });
});

describe('an endpoint that is deleted', () => {
  it('is refused at once, and those who wait for a replica of it are told', async () => {
    await using patient = await edge.startRouter({ env: { FAIRWAY_CAPACITY_TIMEOUT_MS: '60000' } });
    const one = await edge.addEndpoint([], ['m']);
    const call = () => ask({ url: patient.url, headers: headersOf(one), body: chat({ model: 'm', stream: false }) });
    await eventually(async () => {
      const list = await ask({ url: patient.url, method: 'GET', path: '/v1/models/m', headers: headersOf(one) });
      expect(list.status).toBe(200);
    });
    const waiting = call();
    await eventually(async () => {
      const text = await (await fetch(`${patient.adminUrl}/metrics`)).text();
      expect(text).toMatch(/fairway_router_queued_requests\S* 1/);
    });
    const marker = headers();
    marker.set('KV-Operation', 'DEL');
    await edge.client.js.publish(subjects.pool(edge.vpcId, one.endpointId, one.pool), '', { headers: marker });
    expect([(await waiting).status, errorOf((await waiting).text).code]).toEqual([404, 'model_not_found']);
    one.access = { ...one.access, tokens: [] };
    await edge.client.js.publish(subjects.access(edge.vpcId, one.endpointId), JSON.stringify(one.access));
    await eventually(async () => expect((await call()).status).toBe(401));
  });
});

describe('requests as HTTP allows them', () => {
  it('have a target in absolute form', async () => {
    const path = `http://${endpoint.host}:80/v1/chat/completions`;
    const reply = await ask({ ...request(), path, headers: { ...headersOf(), host: 'ignored.example' } });
    expect([reply.status, contentOf(reply.text)]).toEqual([200, 'ok']);
    const foreign = await ask({ ...request(), path: 'http://elsewhere.example/v1/chat/completions' });
    expect(foreign.status).toBe(401);
  });

  it.each(['identity', 'Identity', 'IDENTITY', ''])('name the encoding "%s"', async (encoding) => {
    const reply = await ask({ ...request(), headers: { ...headersOf(), 'content-encoding': encoding } });
    expect(reply.status).toBe(200);
  });

  it('begin with a byte order mark, which stays here', async () => {
    const reply = await ask({ ...request(), body: `\ufeff${chat()}` });
    expect([reply.status, contentOf(reply.text)]).toEqual([200, 'ok']);
    expect(upstream.seen.at(-1)?.body.toString().startsWith('{"model"')).toBe(true);
  });

  it('keep the digits of numbers beside an edit', async () => {
    const body = chat().replace('"stream":true', '"stream":true,"stream_options":{"big":12345678901234567890}');
    await ask({ ...request(), body });
    expect(upstream.seen.at(-1)?.body.toString()).toContain('"big":12345678901234567890');
  });

  it.each([
    [{ max_tokens: 1.5 }, 'max_tokens'],
    [{ max_tokens: -2 }, 'max_tokens'],
    [{ n: 0 }, '"n"'],
  ])('are refused as out of range when the API has no such number: %o', async (more, name) => {
    const reply = await ask(request(more));
    expect([reply.status, errorOf(reply.text).message]).toEqual([400, expect.stringMatching(/out of range/)]);
    expect(errorOf(reply.text).message).toContain(name);
    expect((await ask(request({ max_tokens: -1 }))).status).toBe(200);
  });
});

describe('an engine that compresses although nobody asked', () => {
  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('is understood (%s), whole and streamed', async (encoding, compress) => {
    upstream.script = ({ response }) =>
      void response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
        .end(compress('{"id":"x","usage":{"prompt_tokens":1,"completion_tokens":1}}'));
    const whole = await ask(request({ stream: false }));
    expect([whole.text, whole.headers['content-encoding']]).toEqual([expect.stringContaining('"id":"x"'), undefined]);
    const stream = frames.role + frames.text('zip') + frames.finish + frames.done;
    upstream.script = ({ response }) =>
      void response
        .writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': encoding })
        .end(compress(stream));
    expect(contentOf((await ask(request())).text)).toBe('zip');
  });

  it('in a way that is not known is relayed under its label', async () => {
    upstream.script = ({ response }) =>
      void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'x-own' }).end('???');
    const reply = await ask(request({ stream: false }));
    expect([reply.text, reply.headers['content-encoding']]).toEqual(['???', 'x-own']);
  });
});

describe('what is no HTTP', () => {
  it('is answered with a request id, and never inside of another answer', async () => {
    const socket = raw();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(`${post(chat())}GARBAGE\r\n\r\n`);
    await once(socket, 'close');
    const text = Buffer.concat(chunks).toString();
    const [first, second] = [text.indexOf('[DONE]'), text.indexOf('HTTP/1.1 400')];
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(first);
    expect(text.slice(second)).toMatch(/x-request-id: req_[\s\S]*"code":"bad_request"/);
  });
});
