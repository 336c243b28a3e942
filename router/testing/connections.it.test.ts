import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { startOneRouter } from './one-router.ts';
import type { EdgeEndpoint } from './router-fixture.ts';
import { beginStream, streamWords, type ScriptedUpstream } from './scripted-upstream.ts';

const page = await readFile(join(import.meta.dirname, '../../docs/connections.md'), 'utf8');
/** Rows of the page: the client, the answers, and whether the connection stays. */
const rows = page
  .split('\n')
  .flatMap((line) => [...line.matchAll(/^\| (.+) \| (.+) \| (stays open|is closed) \|$/g)])
  .map(([, client = '', answers = '', end = '']) => ({
    client,
    answers: [...answers.matchAll(/`([^`]+)`/g)].map(([, one]) => one),
    end,
  }));

const bodyBytesMax = 100_000;
const connectionsMax = 8;
let upstream: ScriptedUpstream;
let endpoint: EdgeEndpoint;
let router: Router;
const others: Socket[] = [];

const started = endAfterAll();
beforeAll(async () => {
  const starting = startOneRouter(streamWords('ok'), {
    replicas: 1,
    env: {
      FAIRWAY_HEAD_TIMEOUT_MS: '500',
      FAIRWAY_KEEP_ALIVE_MS: '77000',
      FAIRWAY_BODY_TIMEOUT_MS: '300',
      FAIRWAY_BODY_BYTES_MAX: String(bodyBytesMax),
      FAIRWAY_CONNECTIONS_MAX: String(connectionsMax),
    },
  });
  ({
    upstreams: [upstream],
    endpoint,
    router,
  } = await started.use(starting));
});
beforeEach(() => {
  upstream.script = streamWords('ok');
  upstream.seen.length = 0;
  for (const socket of others.splice(0)) socket.destroy();
});

const chat = JSON.stringify({ model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hi' }] });
const sized = `content-length: ${chat.length}\r\n`;
const chunked = 'transfer-encoding: chunked\r\n';
const chunk = (extension = ''): string => `${chat.length.toString(16)}${extension}\r\n${chat}\r\n`;
interface Line {
  target?: string;
  version?: string;
  host?: string;
}
const head = (
  fields: string,
  { target = '/v1/chat/completions', version = '1.1', host = 'host: 127.0.0.1\r\n' }: Line = {},
) => `POST ${target} HTTP/${version}\r\n${host}authorization: Bearer ${endpoint.token}\r\n${fields}\r\n`;
const whole = (line: Line = {}): string => head(sized, line) + chat;
const field = (text: string): string => head(`${text}\r\n${sized}`) + chat;
const bomb = (bytes: number): string => `x: ${'x'.repeat(bytes)}`;
const get = (target: string): string => head(sized, { target }).replace('POST', 'GET') + chat;

/** What one client does: what it sends first, and what once it has been answered something. */
interface Client {
  readonly send: string;
  readonly then?: string;
  /** Sent byte by byte, without end. */
  readonly drip?: string;
  readonly halfCloses?: true;
  readonly before?: () => Promise<void> | void;
}
const oversize = `content-length: ${bodyBytesMax + 1}\r\n`;
const hold = (): void => void (upstream.script = ({ response }) => beginStream(response));

/** By the first column of the page. */
const clients: Readonly<Record<string, () => Client>> = {
  'a plain request': () => ({ send: whole() }),
  'empty lines before the request': () => ({ send: `\r\n\r\n${whole()}` }),
  'chunked body': () => ({ send: `${head(chunked)}${chunk()}0\r\n\r\n` }),
  'chunk extensions': () => ({ send: `${head(chunked)}${chunk(';a=b;c="d"')}0;e\r\n\r\n` }),
  'chunk extensions of 20 kB': () => ({ send: head(chunked) + chunk(`;a=${'x'.repeat(20_000)}`) }),
  trailers: () => ({ send: `${head(chunked)}${chunk()}0\r\nx-trailer: 1\r\nauthorization: Bearer x\r\n\r\n` }),
  'trailers of 70 kB': () => ({ send: `${head(chunked)}${chunk()}0\r\n${bomb(70_000)}\r\n\r\n` }),
  'a chunk size that is no number': () => ({ send: `${head(chunked)}zz\r\n` }),
  'a chunk longer than its size': () => ({ send: `${head(chunked)}2\r\n{}{}\r\n0\r\n\r\n` }),
  'chunked body over `FAIRWAY_BODY_BYTES_MAX`': () => ({
    send: `${head(chunked)}20000\r\n{"a":"${'x'.repeat(0x20000 - 6)}\r\n`,
  }),
  'Content-Length over `FAIRWAY_BODY_BYTES_MAX`': () => ({ send: head(oversize) + ' '.repeat(bodyBytesMax + 1) }),
  'the same, and `Connection: close`': () => ({
    send: head(`connection: close\r\n${oversize}`) + ' '.repeat(bodyBytesMax),
    then: ' ',
  }),
  'Content-Length and Transfer-Encoding': () => ({ send: `${head(sized + chunked)}${chunk()}0\r\n\r\n` }),
  'Content-Length twice': () => ({ send: head(sized + sized) + chat }),
  'Content-Length `+5`': () => ({ send: `${head('content-length: +5\r\n')}hello` }),
  'Transfer-Encoding `gzip, chunked`': () => ({
    send: `${head('transfer-encoding: gzip, chunked\r\n')}${chunk()}0\r\n\r\n`,
  }),
  'Transfer-Encoding `chunked, identity`': () => ({
    send: `${head('transfer-encoding: chunked, identity\r\n')}${chunk()}0\r\n\r\n`,
  }),
  'a folded header line (obs-fold)': () => ({ send: field('x: 1\r\n 2') }),
  'a space before a header’s colon': () => ({ send: field('x : 1') }),
  'a zero byte in a header': () => ({ send: field('x: a\0b') }),
  'lines that end in LF alone': () => ({ send: head(sized).replaceAll('\r', '') + chat }),
  'a CR alone inside of a header': () => ({ send: field('x: a\rb') }),
  'no Host': () => ({ send: whole({ host: '' }) }),
  'Host twice': () => ({ send: field('host: other.example') }),
  '`//v1/chat/completions`': () => ({ send: whole({ target: '//v1/chat/completions' }) }),
  '`/v1%2fchat/completions`': () => ({ send: whole({ target: '/v1%2fchat/completions' }) }),
  '`/v1\\chat\\completions`': () => ({ send: whole({ target: '/v1\\chat\\completions' }) }),
  '`/v1/models/a%2fb`': () => ({ send: get('/v1/models/a%2fb') }),
  'a target in absolute form': () => ({ send: whole({ target: `http://${endpoint.host}/v1/chat/completions` }) }),
  'headers of 40 kB': () => ({ send: field(bomb(40_000)) }),
  'headers of 70 kB': () => ({ send: field(bomb(70_000)) }),
  '10,000 headers': () => ({ send: field(Array.from({ length: 10_000 }, (_, at) => `x${at}: 1`).join('\r\n')) }),
  'a target of 70 kB': () => ({ send: whole({ target: `/${'x'.repeat(70_000)}` }) }),
  'headers of 40 kB to `/v1/messages`': () => ({ send: head(`${bomb(40_000)}\r\n`, { target: '/v1/messages' }) }),
  'a folded header line to `/v1/messages`': () => ({
    send: field('x: 1\r\n 2').replace('chat/completions', 'messages'),
  }),
  'HTTP/1.0 with a Host': () => ({ send: whole({ version: '1.0' }) }),
  'HTTP/1.0 without a Host': () => ({ send: whole({ version: '1.0', host: '' }) }),
  'HTTP/0.9': () => ({ send: 'GET /v1/models\r\n\r\n' }),
  'the preface of HTTP/2': () => ({ send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' }),
  'TLS on the plain port': () => ({ send: '\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc\u0003\u0003' }),
  'an unknown method': () => ({ send: whole().replace('POST', 'FETCH') }),
  'an offer of WebSocket': () => ({ send: field('connection: upgrade\r\nupgrade: websocket') }),
  'an offer of HTTP/2': () => ({ send: field('connection: upgrade\r\nupgrade: h2c') }),
  '`CONNECT`': () => ({ send: 'CONNECT engine:8000 HTTP/1.1\r\nhost: engine:8000\r\n\r\n' }),
  '`Expect: 100-continue`, then the body': () => ({ send: head(`expect: 100-continue\r\n${sized}`), then: chat }),
  '`Expect: 100-continue`, then nothing': () => ({ send: head(`expect: 100-continue\r\n${sized}`) }),
  '`Expect` of something else': () => ({ send: field('expect: tea') }),
  'three requests at once': () => ({ send: whole().repeat(3) }),
  'a request, then no HTTP': () => ({ send: `${whole()}NONSENSE\r\n\r\n` }),
  'more than 16 requests ahead of the answer': () => ({ before: hold, send: whole().repeat(18) }),
  'a whole request, then half-closed': () => ({ before: hold, send: whole(), halfCloses: true }),
  'half a body, then half-closed': () => ({ send: whole().slice(0, -9), halfCloses: true }),
  'nothing at all, for `FAIRWAY_HEAD_TIMEOUT_MS`': () => ({ send: '' }),
  'half a request line': () => ({ send: 'POST /v1/cha' }),
  'half a head, a byte now and then': () => ({ send: head(sized).slice(0, 60), drip: 'x' }),
  'half a body, for `FAIRWAY_BODY_TIMEOUT_MS`': () => ({ send: whole().slice(0, -9) }),
  'a body, a byte now and then': () => ({ send: head('content-length: 90000\r\n'), drip: ' ' }),
  'a connection beyond `FAIRWAY_CONNECTIONS_MAX`': () => ({ before: fillConnections, send: whole() }),
};

/** Leaves as many connections open as there may be, each in use: idle ones would end by themselves. */
async function fillConnections(): Promise<void> {
  hold();
  while (others.length < connectionsMax) others.push((await dial()).socket);
  for (const socket of others) socket.write(whole());
  await eventually(() => expect(upstream.seen).toHaveLength(connectionsMax));
}

/** A raw connection, all that has come through it, and its end. */
async function dial(): Promise<{ socket: Socket; text: () => string; closed: Promise<unknown> }> {
  const socket = connect({ port: Number(new URL(router.url).port), host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('data', (piece) => void (text += piece.toString('latin1')));
  socket.on('error', (error: NodeJS.ErrnoException) => void (text += `(${error.code})`));
  const closed = Promise.race([once(socket, 'end'), once(socket, 'close')]);
  await once(socket, 'connect');
  return { socket, text: () => text, closed };
}

/** Statuses, each with the code of its error, or with its type where an API has no such word. */
function answersIn(text: string): string[] {
  const answers = text.split(/(?=HTTP\/1\.1 \d{3} )/).filter((answer) => answer !== '');
  return answers.map((answer) => {
    const status = answer.slice(9, 12);
    const told = parseJson(answer.slice(answer.indexOf('\r\n\r\n')));
    if (!isRecord(told) || !isRecord(told['error'])) return status;
    return `${status} ${String(told['error']['code'] ?? told['error']['type'])}`;
  });
}

async function drip(socket: Socket, byte: string): Promise<void> {
  while (!socket.writableEnded && socket.writable) {
    socket.write(byte);
    await systemClock.sleep(20);
  }
}

it('the page and the clients are the same list', () => {
  expect(rows.map(({ client }) => client)).toEqual(Object.keys(clients));
});

describe('a client that sends', () => {
  it.each(rows)('$client: $answers, and its connection $end', async ({ client, answers, end }) => {
    const { before, send, then, drip: byte, halfCloses } = clients[client]?.() ?? { send: '' };
    await before?.();
    const { socket, text, closed } = await dial();
    socket.write(Buffer.from(send, 'latin1'));
    if (halfCloses === true) socket.end();
    if (byte !== undefined) void drip(socket, byte);
    if (then !== undefined) {
      await eventually(() => expect(text()).toMatch(/\r\n\r\n/));
      socket.write(then);
    }
    await eventually(() => expect(answersIn(text())).toHaveLength(answers.length));
    if (end === 'is closed') {
      await closed;
      expect(answersIn(text())).toEqual(answers);
    } else {
      await eventually(() => expect(answersIn(text())).toEqual(answers));
      socket.write(get('/v1/models'));
      await eventually(() => expect(answersIn(text())).toEqual([...answers, '200']));
      expect(text()).toMatch(/^keep-alive: timeout=77\r$/im);
    }
    socket.destroy();
    for (const { body, headers } of upstream.seen) {
      expect(body.toString()).toContain('"content":"hi"');
      expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['x-trailer']));
    }
  });
});
