/**
 * Traps of Node and of what stands on it, each of which has broken a proxy, and the test that goes through it:
 *
 * - headers of one answer in the next one of its connection, and the mark “already sent” in any: here
 * - a stream made a web stream ends the process when its client leaves: `streams.it.test.ts`, a client that leaves
 * - bodies that nobody reads are drained without a bound: `errors.it.test.ts`; `request/body-flow.it.test.ts`
 * - a head that waits for the first token: `streams.it.test.ts`, a silent stream gets its head and comments
 * - a framing of chunks beside Node's own: here, for HTTP/1.1 and 1.0; `request/chunked-body.test.ts`
 * - idle connections that close under a request, on either side: `connections.it.test.ts`; `forward/undici-upstream.it.test.ts`
 * - heads cut anywhere, 1xx, chunk extensions, trailers, both lengths, bodies without one: `connections.it.test.ts` for
 *   clients; `forward/undici-upstream.it.test.ts` for engines
 * - duplicate and escaped keys of a body: `scan/scanner.test.ts`, `scan/parse-fuzz.test.ts`
 * - prefixes that two tenants share: `scan/prefix-hash.test.ts`, `two-brains.test.ts`
 * - an engine's connection that outlives its client: `streams.it.test.ts`, `abort.bench.ts`
 */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeAll, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { frames } from './chat-frames.ts';
import { startOneRouter, type OneRouter } from './one-router.ts';
import { beginStream, type Script } from './scripted-upstream.ts';

/** Each event in a write of its own. */
const slowly: Script = ({ response }) => {
  beginStream(response);
  const events = [frames.role, frames.text('a'), frames.text('b'), frames.finish, frames.done];
  const next = (): void => {
    const event = events.shift();
    if (event === undefined) response.end();
    else response.write(event, () => setImmediate(next));
  };
  next();
};
const whole = frames.role + frames.text('a') + frames.text('b') + frames.finish + frames.done;
const body = JSON.stringify({ model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hi' }] });

let one: OneRouter;
const started = endAfterAll();
beforeAll(async () => {
  one = await started.use(startOneRouter(slowly));
});

function request(method: string, path: string, { version = '1.1', more = '' } = {}): string {
  const sized = method === 'GET' ? '' : `content-length: ${body.length}\r\n`;
  const head = `${method} ${path} HTTP/${version}\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${one.endpoint.token}\r\n`;
  return `${head}${sized}${more}\r\n${method === 'GET' ? '' : body}`;
}

/** What comes back on one connection until the router closes it. */
async function said(requests: string): Promise<string> {
  const socket = connect(Number(new URL(one.router.url).port), '127.0.0.1');
  socket.write(requests);
  return text(socket);
}

/** The bytes of a chunked body, read as HTTP says; what is left is behind its end. */
function unframed(bytes: string): { body: string; rest: string } {
  let at = 0;
  let seen = '';
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    const length = Number.parseInt(bytes.slice(at, line), 16);
    at = line + 2 + length;
    expect(bytes.slice(at, at + 2)).toBe('\r\n');
    seen += bytes.slice(line + 2, at);
    at += 2;
    if (length === 0) return { body: seen, rest: bytes.slice(at) };
  }
}

it('streams of one connection are each framed whole, with a head of their own', async () => {
  const path = '/v1/chat/completions';
  const last = request('GET', '/v1/models', { more: 'connection: close\r\n' });
  let left = await said(request('POST', path) + request('POST', path) + last);
  const ids: (string | undefined)[] = [];
  for (let stream = 0; stream < 2; stream += 1) {
    const [head = ''] = left.split('\r\n\r\n', 1);
    const answer = unframed(left.slice(head.length + 4));
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head.match(/transfer-encoding: chunked/gi)).toHaveLength(1);
    expect(head).not.toMatch(/already-sent|content-length/i);
    expect(answer.body).toBe(whole);
    ids.push(/^x-request-id: (.*)$/im.exec(head)?.[1]);
    left = answer.rest;
  }
  expect(left).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(left).not.toMatch(/already-sent/i);
  ids.push(/^x-request-id: (.*)$/im.exec(left)?.[1]);
  expect(new Set(ids).size).toBe(3);
});

it('a client of HTTP/1.0 gets a stream without chunks, which ends with its connection', async () => {
  const answer = await said(request('POST', '/v1/chat/completions', { version: '1.0' }));
  const [head = ''] = answer.split('\r\n\r\n', 1);
  expect(head).not.toMatch(/transfer-encoding/i);
  expect(answer.slice(head.length + 4)).toBe(whole);
});
