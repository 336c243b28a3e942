import { once } from 'node:events';
import { generateKeyPairSync, sign } from 'node:crypto';
import { connect } from 'node:net';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { proofPrefix } from '#shared/contract/replica.ts';
import { createLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { watchStolenTime } from '#shared/testing/own-time.ts';
import type { Router } from '../service.ts';
import { contentOf, eventsOf, frames } from './chat-frames.ts';
import { ask, readAll, start } from './client.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startOneRouter } from './one-router.ts';
import type { Edge, EdgeEndpoint } from './router-fixture.ts';
import {
  answerJson,
  beginStream,
  startScriptedUpstream,
  streamWords,
  type Script,
  type ScriptedUpstream,
} from './scripted-upstream.ts';

let edge: Edge;
let upstreams: ScriptedUpstream[];
let endpoint: EdgeEndpoint;
let router: Router;

const started = endAfterAll();
beforeAll(async () => {
  const starting = startOneRouter(streamWords('ok'), {
    env: { FAIRWAY_HEARTBEAT_AFTER_MS: '100', FAIRWAY_HEARTBEAT_MS: '50', FAIRWAY_CLIENT_STALL_TIMEOUT_MS: '300' },
  });
  ({ edge, upstreams, endpoint, router } = await started.use(starting));
});
beforeEach(() => scriptAll(streamWords('ok')));

function scriptAll(script: Script): void {
  for (const upstream of upstreams) {
    upstream.script = script;
    upstream.seen.length = 0;
  }
}

const seen = () => upstreams.flatMap((upstream) => upstream.seen);
const body = (more: object = {}): string =>
  JSON.stringify({ model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hi' }], ...more });
const request = (more: object = {}) => ({
  url: router.url,
  headers: { authorization: `Bearer ${endpoint.token}` },
  body: body(more),
});

async function metric(name: string, at: Router = router): Promise<number> {
  const text = await (await fetch(`${at.adminUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`fairway_router_${name}`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

describe('a replica that is lost', () => {
  it('before its first token is replaced, and the client sees nothing', async () => {
    let struck = 0;
    scriptAll((one) => {
      if (struck > 0) return streamWords('from', 'another')(one);
      struck += 1;
      beginStream(one.response);
      one.response.write(frames.role, () => one.response.socket?.resetAndDestroy());
    });
    const reply = await ask(request());
    expect(contentOf(reply.text)).toBe('fromanother');
    expect(seen()).toHaveLength(2);
    expect(seen()[0]?.body.equals(seen()[1]?.body ?? Buffer.alloc(0))).toBe(true);
  });

  it('in the middle is an explicit error event and [DONE]', async () => {
    scriptAll(({ response }) => {
      beginStream(response);
      response.write(frames.role + frames.text('half'), () => response.socket?.resetAndDestroy());
    });
    const reply = await ask(request());
    const events = eventsOf(reply.text);
    expect(contentOf(reply.text)).toBe('half');
    expect(JSON.parse(events.at(-2) ?? '')).toMatchObject({
      error: { type: 'server_error', code: 'upstream_disconnected' },
    });
    expect([events.at(-1), reply.broken]).toEqual(['[DONE]', false]);
  });

  it('that refuses connections is left out at once, and taken back when it is there again', async () => {
    const dead = await startScriptedUpstream(streamWords('x'));
    const one = await edge.addEndpoint([dead.port, upstreams[0]?.port ?? 0]);
    const call = () => ask({ ...request(), headers: { authorization: `Bearer ${one.token}` } });
    await eventually(async () => expect((await call()).status).toBe(200));
    await dead[Symbol.asyncDispose]();
    const before = await metric('lost_attempts_total');
    const replies = [];
    for (let round = 0; round < 10; round += 1) replies.push(await call());
    expect((await metric('lost_attempts_total')) - before).toBeLessThanOrEqual(1);
    expect(replies.map(({ text }) => contentOf(text))).toEqual(Array.from({ length: 10 }, () => 'ok'));
  });

  it('that answers 401 belongs to somebody else: out, and never shown to the client', async () => {
    const foreign = await startScriptedUpstream(answerJson(401, { error: 'Unauthorized' }));
    const one = await edge.addEndpoint([foreign.port, upstreams[0]?.port ?? 0]);
    const call = () => ask({ ...request(), headers: { authorization: `Bearer ${one.token}` } });
    for (let round = 0; round < 6; round += 1)
      await eventually(async () => expect(contentOf((await call()).text)).toBe('ok'));
    // Looks at it carry no prompt.
    expect(foreign.seen.filter(({ method }) => method === 'POST').length).toBeLessThanOrEqual(1);
    await foreign[Symbol.asyncDispose]();
  });
});

describe('a client that leaves', () => {
  const hang: Script = () => {};
  const headOnly: Script = ({ response }) => beginStream(response);
  const middle: Script = ({ response }) => {
    beginStream(response);
    response.write(frames.role + frames.text('a'));
  };
  it.each<[string, Script, object]>([
    ['before the head', hang, {}],
    ['before the first token', headOnly, {}],
    ['in the middle of a stream', middle, {}],
    ['while a whole answer is made', hang, { stream: false }],
  ])('%s frees the replica within 100 ms', async (_, script, more) => {
    scriptAll(script);
    const started = start(request(more));
    await eventually(() => expect(seen()).toHaveLength(1), { everyMs: 5 });
    if (script === middle) await started.response;
    await using stolen = watchStolenTime();
    const leftAt = performance.now();
    started.abort();
    await eventually(() => expect(seen()[0]?.abortedAt).toBeDefined(), { everyMs: 5 });
    expect((seen()[0]?.abortedAt ?? 0) - leftAt - stolen.ms()).toBeLessThan(100);
    await eventually(async () => expect(await metric('in_flight_requests')).toBe(0));
  });
});

describe('a client that leaves while it sends its body', () => {
  it('is counted as gone and leaves no memory behind', async () => {
    const before = await metric('requests_total{route="chat",status="499"');
    const { hostname, port } = new URL(router.url);
    const socket = connect(Number(port), hostname);
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${endpoint.token}`;
    socket.write(`${head}\r\ncontent-length: 100000\r\n\r\n{"model":"test-model","x":"${'x'.repeat(5000)}`);
    await eventually(async () => expect(await metric('body_bytes')).toBeGreaterThan(0));
    socket.destroy();
    await eventually(async () => expect(await metric('body_bytes')).toBe(0));
    await eventually(async () => expect(await metric('requests_total{route="chat",status="499"')).toBe(before + 1));
  });
});

describe('slow parties', () => {
  it('a silent stream gets its head and comments', async () => {
    const waiting = Promise.withResolvers<void>();
    scriptAll(async (one) => {
      await waiting.promise;
      await streamWords('late')(one);
    });
    const response = await start(request()).response;
    expect(response.statusCode).toBe(200);
    const [first] = (await once(response, 'data')) as [Buffer];
    expect(first.toString()).toBe(': keep-alive\n\n');
    waiting.resolve();
    expect(contentOf((await readAll(response)).text)).toBe('late');
  });

  it('a client that takes nothing is cut, holds the engine back until then, and costs no memory', async () => {
    let written = 0;
    scriptAll(({ response }) => {
      beginStream(response);
      const frame = frames.text('x'.repeat(60_000));
      const pump = (): void => {
        while (!response.destroyed && response.write(frame)) written += 1;
      };
      response.on('drain', pump);
      pump();
    });
    const response = await start(request()).response;
    response.pause();
    await eventually(() => expect(seen()[0]?.abortedAt).toBeDefined());
    expect(written).toBeLessThan(1000);
    await eventually(async () => expect(await metric('errors_total{code="client_stalled"')).toBe(1));
    response.destroy();
  });
});

describe('what a request leaves behind', () => {
  it('is one line in the log, where each is asked for, without a prompt, a token or a key', async () => {
    const lines: string[] = [];
    const log = createLogger('router', { level: 'debug', destination: { write: (line) => void lines.push(line) } });
    await using logged = await edge.startRouter({ log });
    const [url, headers] = [logged.url, { authorization: `Bearer ${endpoint.token}`, 'x-request-id': 'mine' }];
    const reply = await ask({
      url,
      headers,
      body: body({ messages: [{ role: 'user', content: 'my secret prompt' }] }),
    });
    const done = () => lines.filter((line) => line.includes('request.done')).map((line) => JSON.parse(line) as object);
    await eventually(() => expect(done()).toHaveLength(1));
    expect(done()[0]).toMatchObject({
      requestId: reply.headers['x-request-id'],
      clientRequestId: 'mine',
      endpointId: endpoint.endpointId,
      tokenId: endpoint.access.tokens[0]?.tokenId,
      route: 'chat',
      status: 200,
      stream: true,
      reason: 'least_in_flight',
      promptTokens: 20,
      outputTokens: 1,
      ttftMs: expect.any(Number),
      durationMs: expect.any(Number),
    });
    for (const secret of ['my secret prompt', endpoint.token, 'upstream-secret'])
      expect(lines.join('\n')).not.toContain(secret);
  });

  it('is no memory: a body is given up at the commit point', async () => {
    const held = Promise.withResolvers<void>();
    scriptAll(async ({ response }) => {
      beginStream(response);
      response.write(frames.role + frames.text('a'));
      await held.promise;
      response.end(frames.finish + frames.done);
    });
    const response = await start(request({ padding: 'x'.repeat(100_000) })).response;
    await eventually(async () => expect(await metric('body_bytes')).toBe(0));
    expect(await metric('in_flight_requests')).toBe(1);
    held.resolve();
    expect(contentOf((await readAll(response)).text)).toBe('a');
  });
});

describe('what comes at once', () => {
  const many = Array.from({ length: 3000 }, (_, at) => frames.text(`${at} `));

  it.each([1_100_000, 3_000_000])('reaches a client that reads: %i bytes whole', async (bytes) => {
    scriptAll(answerJson(200, { choices: [{}], text: 'x'.repeat(bytes) }));
    const reply = await ask({ ...request(), body: body({ stream: false }) });
    expect([reply.status, reply.broken, reply.text.length > bytes]).toEqual([200, false, true]);
  });

  it('reaches a client that reads: thousands of events', async () => {
    scriptAll(({ response }) => {
      beginStream(response);
      response.end(frames.role + many.join('') + frames.finish + frames.done);
    });
    const reply = await ask(request());
    expect([contentOf(reply.text).length, reply.broken]).toEqual([contentOf(many.join('')).length, false]);
  });
});

describe('a probe', () => {
  it('reaches exactly the replica that it names, also one that is proving, with one token of output', async () => {
    await using proving = await startScriptedUpstream(
      answerJson(200, { choices: [{}], usage: { prompt_tokens: 1, completion_tokens: 1 } }),
    );
    const one = await edge.addEndpoint([upstreams[0]?.port ?? 0]);
    const keys = generateKeyPairSync('ed25519');
    const target = replicaAt(proving.port, 'proving');
    const proofKey = keys.publicKey.export({ format: 'jwk' }).x ?? '';
    one.document = { ...one.document, proofKey, replicas: [...one.document.replicas, target] };
    await edge.publish(one);
    const payload = {
      endpointId: one.endpointId,
      pool: one.pool,
      specRevision: 1,
      replicaId: target.replicaId,
      expiresAt: Date.now() + 60_000,
    };
    const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
    const credential = `${proofPrefix}${text}.${sign(null, Buffer.from(text), keys.privateKey).toString('base64url')}`;
    const headers = { authorization: `Bearer ${credential}`, host: one.host };
    await eventually(async () => {
      const reply = await ask({ url: router.url, headers, body: body({ stream: false, max_tokens: 500, n: 3 }) });
      expect(reply.status).toBe(200);
    });
    expect(JSON.parse(proving.seen.at(-1)?.body.toString() ?? '')).toMatchObject({ max_tokens: 1, n: 1 });
    const asClient = await ask({ ...request(), headers: { authorization: `Bearer ${one.token}` } });
    expect(contentOf(asClient.text)).toBe('ok');
  });
});
