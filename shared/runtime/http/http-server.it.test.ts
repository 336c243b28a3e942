import { once } from 'node:events';
import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import { Hono } from 'hono';
import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { serveAdmin, serveApp, serveListener } from './http-server.ts';

const local = { host: '127.0.0.1', port: 0, drainTimeoutMs: 5000 };

/** One request over an agent; resolves with status and whole body. */
async function get(
  url: string,
  agent?: Agent,
): Promise<{ status: number; body: string; connection: string | undefined }> {
  const sent = httpRequest(url, agent === undefined ? {} : { agent });
  sent.end();
  const [response] = await once(sent, 'response');
  const reply: IncomingMessage = response;
  let body = '';
  for await (const chunk of reply) body += String(chunk);
  return { status: reply.statusCode ?? 0, body, connection: reply.headers.connection };
}

/** A listener that holds each answer until it is let go. */
function held(): {
  listener: (request: IncomingMessage, response: ServerResponse) => void;
  letGo: () => void;
  count: () => number;
} {
  const waiting: ServerResponse[] = [];
  return {
    listener: (_request, response) => void waiting.push(response),
    letGo: () => {
      for (const response of waiting.splice(0)) response.end('done');
    },
    count: () => waiting.length,
  };
}

const opened = async (url: string): Promise<Socket> => {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
};

describe('serveApp', () => {
  it('lets listeners be attached before it listens: whoever comes at once is met by them', async () => {
    const listening: boolean[] = [];
    const attach = (server: { listening: boolean }): void => void listening.push(server.listening);
    await using server = await serveApp(new Hono(), { ...local, attach });
    expect([listening, server.server.listening]).toEqual([[false], true]);
  });

  it('serves a Hono app on a free port and answers 500 when a handler throws', async () => {
    const app = new Hono();
    app.get('/', (c) => c.text('hello'));
    app.get('/broken', () => {
      throw new Error('broken');
    });
    await using running = await serveApp(app, local);
    expect(running.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await get(running.url)).toMatchObject({ status: 200, body: 'hello' });
    expect((await get(`${running.url}/broken`)).status).toBe(500);
    expect((await get(running.url)).status).toBe(200);
  });

  it('passes over an expectation that it does not know', async () => {
    await using server = await serveListener((_, response) => void response.end('served'), local);
    const sent = httpRequest(server.url, { headers: { expect: 'more', connection: 'close' } }).end();
    const [response]: IncomingMessage[] = await once(sent, 'response');
    expect([response?.statusCode, (await response?.toArray())?.join('')]).toEqual([200, 'served']);
  });

  it('says in one sentence that a port is taken', async () => {
    await using running = await serveListener(() => {}, local);
    const port = Number(new URL(running.url).port);
    await expect(serveListener(() => {}, { ...local, port })).rejects.toThrow(
      expect.objectContaining({
        name: 'ConfigError',
        message: expect.stringContaining(`Port ${port} on 127.0.0.1 is taken`),
      }),
    );
  });

  it('says in one sentence that an address is not this machine’s', async () => {
    await expect(serveListener(() => {}, { ...local, host: '192.0.2.1' })).rejects.toThrow(
      expect.objectContaining({ name: 'ConfigError', message: expect.stringContaining('192.0.2.1') }),
    );
  });
});

describe('drain', () => {
  it('lets a request in flight end, takes no new connection and is over at once afterwards', async () => {
    const { listener, letGo, count } = held();
    const running = await serveListener(listener, local);
    using agent = keepAlive();
    const inFlight = get(running.url, agent);
    await eventually(() => expect(count()).toBe(1));
    const drained = ownTimeOf(running[Symbol.asyncDispose]());
    await expect(get(running.url)).rejects.toThrow('ECONNREFUSED');
    letGo();
    expect(await inFlight).toMatchObject({ status: 200, body: 'done', connection: 'close' });
    expect(await drained).toBeLessThan(1500);
  });

  it('closes a kept connection whose reply had begun before the drain', async () => {
    const responses: ServerResponse[] = [];
    const running = await serveListener((_request, response) => {
      response.writeHead(200);
      response.write('first ');
      responses.push(response);
    }, local);
    using agent = keepAlive();
    const inFlight = get(running.url, agent);
    await eventually(() => expect(responses).toHaveLength(1));
    const drained = ownTimeOf(running[Symbol.asyncDispose]());
    responses[0]?.end('last');
    expect((await inFlight).body).toBe('first last');
    expect(await drained).toBeLessThan(1500);
  });

  it('serves the next request on a connection whose reply had promised to keep it, and then closes it', async () => {
    const responses: ServerResponse[] = [];
    const running = await serveListener((_request, response) => {
      response.writeHead(200, { 'content-length': 2 });
      response.write('a');
      responses.push(response);
    }, local);
    const socket = await opened(running.url);
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const closed = once(socket, 'end');
    const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
    socket.write(request);
    await eventually(() => expect(said).toMatch(/keep-alive[\s\S]*\r\n\r\na$/i));
    const drained = running[Symbol.asyncDispose]();
    responses[0]?.end('b');
    await eventually(() => expect(said).toMatch(/ab$/));
    socket.write(request);
    await eventually(() => expect(said).toMatch(/ab[\s\S]*connection: close[\s\S]*\r\n\r\na$/i));
    responses[1]?.end('b');
    await Promise.all([drained, closed]);
    expect(said.match(/ab/g)).toHaveLength(2);
  });

  it('serves what comes through idle connections until it is disposed', async () => {
    const running = await serveListener((_request, response) => response.end('x'), local);
    using agent = keepAlive();
    expect((await get(running.url, agent)).connection).toBe('keep-alive');
    await running.stopListening();
    expect(await get(running.url, agent)).toMatchObject({ status: 200, connection: 'close' });
    await expect(get(running.url, agent)).rejects.toThrow('ECONNREFUSED');
    await running[Symbol.asyncDispose]();
  });

  it('serves what a connection has brought that is not read right now', async () => {
    const running = await serveListener((_request, response) => response.end('x'), local);
    using agent = keepAlive();
    const [[socket]] = (await Promise.all([once(running.server, 'connection'), get(running.url, agent)])) as [
      [Socket],
      object,
    ];
    socket.pause();
    const next = get(running.url, agent);
    const ended = running[Symbol.asyncDispose]();
    for (let turns = 0; turns < 100; turns += 1) await new Promise(setImmediate);
    socket.resume();
    expect(await next).toMatchObject({ status: 200, connection: 'close' });
    await ended;
  });

  it('serves on after it has sent clients away, and closes a connection with its reply', async () => {
    await using running = await serveListener((_request, response) => response.end('x'), local);
    using agent = keepAlive();
    expect((await get(running.url, agent)).connection).toBe('keep-alive');
    running.sendAway();
    expect((await get(running.url, agent)).connection).toBe('close');
    expect(await get(running.url)).toMatchObject({ status: 200, connection: 'close' });
  });

  it('waits a moment for the request of a connection that has just come', async () => {
    const running = await serveListener((_request, response) => response.end('x'), local);
    const newcomer = await opened(running.url);
    expect((await get(running.url)).status).toBe(200);
    const stopped = running.stopListening();
    await expect(opened(running.url)).rejects.toThrow('ECONNREFUSED');
    newcomer.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [chunk] = (await once(newcomer, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200 OK/);
    await stopped;
    await running[Symbol.asyncDispose]();
  });

  it('does not wait for idle connections, used or never used', async () => {
    const running = await serveListener((_request, response) => response.end('x'), local);
    using agent = keepAlive();
    await get(running.url, agent);
    const silent = await opened(running.url);
    silent.on('error', () => {});
    expect(await ownTimeOf(running[Symbol.asyncDispose]())).toBeLessThan(1500);
    silent.destroy();
  });

  it('cuts what has not ended after the drain time', async () => {
    const { listener, count } = held();
    const running = await serveListener(listener, { ...local, drainTimeoutMs: 200 });
    const inFlight = get(running.url);
    const cut = expect(inFlight).rejects.toThrow();
    await eventually(() => expect(count()).toBe(1));
    const drainMs = await ownTimeOf(running[Symbol.asyncDispose]());
    expect(drainMs).toBeLessThan(1500);
    await cut;
  });

  it('cuts a client that sends its request drop by drop', async () => {
    const running = await serveListener((_request, response) => response.end('x'), { ...local, drainTimeoutMs: 200 });
    const slow = await opened(running.url);
    slow.on('error', () => {});
    slow.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx');
    await once(slow, 'data');
    expect(await ownTimeOf(running[Symbol.asyncDispose]())).toBeLessThan(1500);
  });

  it('may be disposed twice', async () => {
    const running = await serveListener((_request, response) => response.end('x'), local);
    await Promise.all([running[Symbol.asyncDispose](), running[Symbol.asyncDispose]()]);
    await running[Symbol.asyncDispose]();
  });
});

describe('the last reply of a connection', () => {
  it('is read by a client that still sends its body', async () => {
    const listener: RequestListener = (_request, response) =>
      void response.writeHead(413, { connection: 'close' }).end('too long');
    await using running = await serveListener(listener, local);
    const socket = await opened(running.url);
    const errors: Error[] = [];
    let text = '';
    socket.on('error', (error) => void errors.push(error));
    socket.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n');
    const ended = once(socket, 'end');
    while (!socket.readableEnded && errors.length === 0) {
      if (!socket.write(Buffer.alloc(64 * 1024))) await Promise.race([once(socket, 'drain'), ended]);
      await new Promise(setImmediate);
    }
    expect([errors, text]).toEqual([[], expect.stringMatching(/^HTTP\/1\.1 413 [\s\S]*too long/)]);
    socket.destroy();
  });
});

describe('the bounds of a server', () => {
  it('answer 503 to a request and to a connection too many, and take others when there is room again', async () => {
    const { listener, letGo, count } = held();
    const refused: string[] = [];
    const bounds = {
      connectionsMax: 3,
      requestsMax: 2,
      refuse: (what: string) => {
        refused.push(what);
        return { headers: { 'retry-after': '2' }, body: 'no room' };
      },
    };
    await using running = await serveListener(listener, { ...local, bounds });
    const first = [get(running.url), get(running.url)];
    await eventually(() => expect(count()).toBe(2));
    expect(await get(running.url)).toEqual({ status: 503, body: 'no room', connection: 'close' });
    const silent = await opened(running.url);
    expect(await get(running.url)).toEqual({ status: 503, body: 'no room', connection: 'close' });
    expect(refused).toEqual(['request', 'connection']);
    letGo();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    silent.destroy();
    const again = eventually(() => get(running.url));
    await eventually(() => expect(count()).toBe(1));
    letGo();
    expect((await again).status).toBe(200);
  });
});

describe('serveAdmin', () => {
  it('shows health, readiness with what is missing, and metrics', async () => {
    const registry = new Registry();
    new Counter({ name: 'fairway_test_total', help: 'test', registers: [registry] }).inc(3);
    let missing = ['NATS'];
    const more = (path: string) => (path === '/debug/it' ? { status: 410, body: { it: 1 } } : undefined);
    await using admin = await serveAdmin({ host: '127.0.0.1', port: 0, registry, notReady: () => missing, more });
    expect(await get(`${admin.url}/healthz`)).toMatchObject({ status: 200, body: '{"ok":true}\n' });
    expect(await get(`${admin.url}/readyz`)).toMatchObject({
      status: 503,
      body: '{"ready":false,"missing":["NATS"]}\n',
    });
    missing = [];
    expect((await get(`${admin.url}/readyz?verbose`)).status).toBe(200);
    expect((await get(`${admin.url}/metrics`)).body).toContain('fairway_test_total 3');
    expect((await get(`${admin.url}/else`)).status).toBe(404);
    expect(await get(`${admin.url}/debug/it`)).toMatchObject({ status: 410, body: '{"it":1}\n' });
  });

  it('answers 500, and lives on, when readiness or a metric throws', async () => {
    const registry = new Registry();
    new Counter({
      name: 'fairway_broken_total',
      help: 'test',
      registers: [registry],
      collect: () => {
        throw new Error('no figure');
      },
    });
    const notReady = (): string[] => {
      throw new Error('no idea');
    };
    await using admin = await serveAdmin({ host: '127.0.0.1', port: 0, registry, notReady });
    expect((await get(`${admin.url}/readyz`)).status).toBe(500);
    expect((await get(`${admin.url}/metrics`)).status).toBe(500);
    expect((await get(`${admin.url}/healthz`)).status).toBe(200);
  });
});

function keepAlive(): Agent & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}
