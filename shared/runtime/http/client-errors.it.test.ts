import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { answerClientErrors } from './client-errors.ts';
import { serveListener, type RunningServer } from './http-server.ts';

const whole = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** A server that answers what it cannot read with `refused <status>`. */
async function serve(listener: RequestListener): Promise<RunningServer> {
  const running = await serveListener(listener, {
    host: '127.0.0.1',
    port: 0,
    drainTimeoutMs: 100,
    server: { headersTimeout: 200, connectionsCheckingInterval: 50 },
  });
  answerClientErrors(running.server, (status) => ({ headers: { 'x-kind': 'test' }, body: `refused ${status}` }));
  return running;
}

/** A raw connection, and all that has come through it. */
async function dial(url: string): Promise<{ socket: Socket; text: () => string; ended: Promise<unknown> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => void (text += chunk.toString()));
  socket.on('error', () => {});
  const ended = once(socket, 'close');
  await once(socket, 'connect');
  return { socket, text: () => text, ended };
}

describe('what cannot be read', () => {
  it('is answered in the dialect of the service, and the connection is closed', async () => {
    await using running = await serve((_request, response) => response.end('fine'));
    const { socket, text, ended } = await dial(running.url);
    socket.write('nonsense\r\n\r\n');
    await ended;
    expect(text()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nx-kind: test\r\n[\s\S]*\r\n\r\nrefused 400$/);
  });

  it('is a 408 when the head is too slow, and a 431 when it is too large', async () => {
    await using running = await serve((_request, response) => response.end('fine'));
    const slow = await dial(running.url);
    slow.socket.write('GET / HTTP/1.1\r\nHost:');
    await slow.ended;
    expect(slow.text()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*refused 408$/);
    const large = await dial(running.url);
    large.socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`);
    await large.ended;
    expect(large.text()).toMatch(/^HTTP\/1\.1 431 [\s\S]*refused 431$/);
  });

  it('behind a request is answered after its reply, never inside of it', async () => {
    const replies: ServerResponse[] = [];
    await using running = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 8 }).write('half');
      replies.push(response);
    });
    const { socket, text, ended } = await dial(running.url);
    socket.write(whole);
    await eventually(() => expect(text()).toMatch(/half$/));
    socket.write('nonsense\r\n\r\nmore nonsense');
    await eventually(() => expect(socket.bytesWritten).toBeGreaterThan(whole.length));
    // A second connection is served meanwhile, so that the first one's garbage has been read by then.
    const other = await dial(running.url);
    other.socket.write(whole);
    await eventually(() => expect(replies).toHaveLength(2));
    expect(text()).toMatch(/half$/);
    for (const reply of replies) reply.end('done');
    await ended;
    expect(text()).toMatch(/halfdoneHTTP\/1\.1 400 Bad Request\r\n[\s\S]*refused 400$/);
    other.socket.destroy();
  });

  it('inside of a body is answered before the reply has begun, and cuts the connection afterwards', async () => {
    const broken = 'POST /PATH HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n';
    await using running = await serve((request, response) => {
      if (request.url === '/begun') response.writeHead(200).write('half');
    });
    const early = await dial(running.url);
    early.socket.write(broken.replace('PATH', 'waiting'));
    await early.ended;
    expect(early.text()).toMatch(/^HTTP\/1\.1 400 [\s\S]*refused 400$/);
    const late = await dial(running.url);
    late.socket.write(broken.replace('PATH', 'begun').slice(0, -10));
    await eventually(() => expect(late.text()).toContain('half'));
    late.socket.write('nonsense\r\n');
    await late.ended;
    expect(late.text()).toContain('half');
    expect(late.text()).not.toContain('refused');
  });
});
