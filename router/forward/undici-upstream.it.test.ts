import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { Intake } from '../admit/intake.ts';
import { answerJson, startScriptedUpstream, type Script } from '../testing/scripted-upstream.ts';
import type { UpstreamStep } from '../testing/memory-upstream.ts';
import { readFailure } from './read-failure.ts';
import { UndiciUpstream } from './undici-upstream.ts';
import { upstreamContract } from './upstream.contract.ts';
import type { UpstreamFailure, UpstreamHandler } from './upstream.ts';

const request = { method: 'POST', path: '/v1/x', headers: {}, body: [Buffer.from('{}')], fresh: false };

describe('UndiciUpstream', () => {
  upstreamContract(async (steps) => {
    const gate = Promise.withResolvers<void>();
    const server = await startScriptedUpstream(play(steps ?? [], gate.promise));
    const upstream = new UndiciUpstream({ connectTimeoutMs: 1000 });
    const port = steps === undefined ? await freePort() : server.port;
    return {
      upstream,
      target: { replicaId: 'a', address: '127.0.0.1', port },
      bodies: () => server.seen.map(({ body }) => body.toString()),
      release: () => gate.resolve(),
      aborted: () => server.seen.filter(({ abortedAt }) => abortedAt !== undefined).length,
      async [Symbol.asyncDispose]() {
        await upstream[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  });

  it('knows a reused connection from a fresh one', async () => {
    await using server = await startScriptedUpstream(answerJson(200, {}));
    await using upstream = new UndiciUpstream({ connectTimeoutMs: 1000 });
    const target = { replicaId: 'a', address: '127.0.0.1', port: server.port };
    await ended(upstream, target, false);
    server.script = ({ response }) => void response.socket?.destroy();
    const reused = await ended(upstream, target, false);
    const fresh = await ended(upstream, target, true);
    expect(reused).toMatchObject({ kind: 'reset', reusedSocket: true });
    expect(fresh).toMatchObject({ kind: 'reset', reusedSocket: false });
  });

  it.each([
    ['at once', 1000],
    ['byte by byte', 1],
  ])('passes over what a server says before its answer, %s, also on a reused connection', async (_, size) => {
    const before = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n';
    const answer = Buffer.from(`${before}HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nHTTP/1.1 100`);
    await using server = createServer((socket) => {
      socket.setNoDelay(true).on('error', () => {});
      socket.on('data', () => {
        const send = (at: number): void => {
          if (at < answer.length) socket.write(answer.subarray(at, at + size), () => setImmediate(send, at + size));
        };
        send(0);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using upstream = new UndiciUpstream({ connectTimeoutMs: 1000 });
    const target = { replicaId: 'a', address: '127.0.0.1', port: (server.address() as AddressInfo).port };
    for (let turn = 0; turn < 2; turn += 1) {
      const seen: string[] = [];
      await new Promise<void>((resolve) => {
        upstream.send(target, request, {
          onSent: () => {},
          onHead: ({ status }) => seen.push(String(status)),
          onData: (chunk) => seen.push(chunk.toString()),
          onEnd: resolve,
          onFailure: ({ reason }) => {
            seen.push(reason);
            resolve();
          },
        });
      });
      expect([seen[0], seen.slice(1).join('')]).toEqual(['200', 'HTTP/1.1 100']);
    }
  });

  it.each<[string, string, string]>([
    [
      'chunks with extensions, and trailers',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;a=b\r\nx\r\n2\r\nyz\r\n0\r\nt: u\r\n\r\n',
      'xyz, end',
    ],
    ['a body that ends with its connection', 'HTTP/1.0 200 OK\r\n\r\nxyz', 'xyz, end'],
    [
      'both lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n',
      'reset',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nxyzw', 'reset'],
    ['less than its length', 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nxyz', 'xyz, reset'],
  ])('reads what a server sends, cut anywhere: %s', async (_, answer, outcome) => {
    await using server = createServer((socket) => {
      socket.setNoDelay(true).on('error', () => {});
      socket.once('data', () => {
        const send = (at: number): void => {
          if (at === answer.length) socket.end();
          else socket.write(answer.charAt(at), () => setImmediate(send, at + 1));
        };
        send(0);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using upstream = new UndiciUpstream({ connectTimeoutMs: 1000 });
    const target = { replicaId: 'a', address: '127.0.0.1', port: (server.address() as AddressInfo).port };
    let body = '';
    const seen = await new Promise<string>((resolve) =>
      upstream.send(target, request, {
        onSent: () => {},
        onHead: () => {},
        onData: (chunk) => void (body += chunk.toString()),
        onEnd: () => resolve(`${body}, end`),
        onFailure: ({ kind }) => resolve(body === '' ? kind : `${body}, ${kind}`),
      }),
    );
    expect(seen).toBe(outcome);
  });

  it('brings no more per turn of the event loop than it may, of all answers together, and all of it', async () => {
    const bytes = 1e6;
    await using server = await startScriptedUpstream(({ response }) => void response.end(Buffer.alloc(bytes, 'x')));
    let held = 0;
    const intake = new Intake(128 * 1024, { nextTurn: setImmediate, held: () => (held += 1) });
    await using upstream = new UndiciUpstream({ connectTimeoutMs: 1000, intake });
    const target = { replicaId: 'a', address: '127.0.0.1', port: server.port };
    const got = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        let sum = 0;
        let reads = 0;
        const call = upstream.send(target, request, {
          onSent: () => {},
          onHead: () => {},
          onData: (chunk) => {
            sum += chunk.length;
            reads += 1;
            // A client, too, is waited for now and then.
            if (reads % 3 !== 0) return;
            call.pause();
            setImmediate(() => call.resume());
          },
          onEnd: resolve,
          onFailure: ({ reason }) => reject(new Error(reason)),
        });
        await promise;
        return sum;
      }),
    );
    expect(got).toEqual(Array(20).fill(bytes));
    expect(held).toBeGreaterThan(50);
    expect(intake.waiting).toBe(0);
  });

  it('loses nothing of what comes while the client is waited for', async () => {
    const pieces = Array.from({ length: 20 }, (_, at) => `${at},`.repeat(50));
    let answering: ServerResponse | undefined;
    await using server = await startScriptedUpstream(({ response }) => {
      answering = response;
      response.writeHead(200).write(pieces[0]);
    });
    await using upstream = new UndiciUpstream({ connectTimeoutMs: 1000 });
    const ends = Promise.withResolvers<void>();
    const seen: string[] = [];
    const call = upstream.send({ replicaId: 'a', address: '127.0.0.1', port: server.port }, request, {
      onSent: () => {},
      onHead: () => {},
      onData: (chunk) => {
        seen.push(chunk.toString());
        call.pause();
        if (answering?.writableEnded === true) setImmediate(() => call.resume());
      },
      onEnd: ends.resolve,
      onFailure: ({ reason }) => ends.reject(new Error(reason)),
    });
    await eventually(() => expect(seen).toEqual([pieces[0]]));
    for (const piece of pieces.slice(1)) {
      await new Promise((resolve) => answering?.write(piece, resolve));
      // The loop of both sides: it is there when a turn has passed.
      for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    }
    expect(seen).toHaveLength(1);
    answering?.end();
    call.resume();
    await ends.promise;
    expect(seen.join('')).toBe(pieces.join(''));
  });

  it('never takes a connection that its server was just closing for a server that is away', async () => {
    // As llama-server does: a whole answer that keeps the connection, and then its end.
    await using server = await startScriptedUpstream(({ response }) => {
      const { socket } = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: [DONE]\n\n', () => setImmediate(() => socket?.destroy()));
    });
    await using upstream = new UndiciUpstream({ connectTimeoutMs: 1000 });
    const target = { replicaId: 'a', address: '127.0.0.1', port: server.port };
    for (let turn = 0; turn < 200; turn += 1) {
      const failure = await ended(upstream, target, false);
      if (failure === undefined) continue;
      expect(failure).toMatchObject({ kind: 'reset', reusedSocket: true });
      expect(await ended(upstream, target, true)).toBeUndefined();
    }
  });
});

describe('what an error means', () => {
  const fresh = { sent: false, reusedSocket: false, stalled: false };
  const old = { sent: false, reusedSocket: true, stalled: false };
  it.each([
    ['ECONNREFUSED', fresh, 'connect'],
    ['ECONNREFUSED', old, 'connect'],
    ['EHOSTUNREACH', fresh, 'connect'],
    ['UND_ERR_CONNECT_TIMEOUT', fresh, 'connect'],
    ['UND_ERR_CONNECT_TIMEOUT', { ...fresh, stalled: true }, 'local'],
    ['UND_ERR_SOCKET', old, 'reset'],
    ['UND_ERR_DESTROYED', old, 'reset'],
    ['UND_ERR_CLOSED', old, 'reset'],
    ['ECONNRESET', { ...old, sent: true }, 'reset'],
    ['ECONNRESET', fresh, 'reset'],
    ['EPIPE', { ...old, sent: true }, 'reset'],
    ['HPE_INVALID_CONSTANT', { ...fresh, sent: true }, 'protocol'],
    ['EMFILE', fresh, 'local'],
    ['ENFILE', fresh, 'local'],
    ['ENOBUFS', { ...old, sent: true }, 'local'],
    ['EADDRNOTAVAIL', fresh, 'local'],
    ['EAI_AGAIN', fresh, 'local'],
  ] as const)('%s %o is %s', (code, where, kind) => {
    const error = Object.assign(new Error('x'), { code });
    expect(readFailure(error, where)).toMatchObject({ kind, reusedSocket: where.reusedSocket });
  });
});

function ended(
  upstream: UndiciUpstream,
  target: { replicaId: string; address: string; port: number },
  fresh: boolean,
): Promise<UpstreamFailure | undefined> {
  return new Promise((resolve) => {
    const handler: UpstreamHandler = {
      onSent: () => {},
      onHead: () => {},
      onData: () => {},
      onEnd: () => resolve(undefined),
      onFailure: resolve,
    };
    upstream.send(target, { ...request, fresh }, handler);
  });
}

/** Plays steps on a real socket. */
function play(steps: readonly UpstreamStep[], released: Promise<void>): Script {
  return async ({ response }) => {
    for (const step of steps) {
      if ('head' in step) response.writeHead(step.head, { 'content-type': step.type ?? 'text/event-stream' });
      else if ('data' in step) await new Promise((resolve) => response.write(step.data, resolve));
      else if ('end' in step) response.end();
      else if ('fail' in step) response.socket?.resetAndDestroy();
      else await released;
    }
  };
}
