import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { frames } from '../chat-frames.ts';

/** What a crowd of clients does at once; `engine` is a model server, `bare` a server that drops what it gets. */
export interface PeersJob {
  readonly what: 'engine' | 'bare' | 'uploads' | 'crumbs' | 'readers' | 'idle' | 'one';
  readonly port: number;
  readonly token: string;
  readonly count: number;
  readonly bytes: number;
  /** The kernel prefers others to it, where the machine has too few cores for all. */
  readonly yields?: boolean;
}

/** How many ended how: a status, `cut` without an error, or the code of a socket's error. */
export type Ends = Record<string, number>;

/** A process of its own: its job as JSON in its first argument; what it has to say is a line of JSON. */
const job = JSON.parse(process.argv[2] ?? '{}') as PeersJob;
if (job.yields === true) setPriority(19);
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const head = (method: string, path: string, fields = ''): string =>
  `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${job.token}\r\n${fields}\r\n`;
const chat = (bytes: number, stream: boolean): string => {
  const body = { model: 'm', stream, messages: [{ role: 'user', content: '' }] };
  return JSON.stringify(body).replace('""', `"${'x'.repeat(bytes)}"`);
};

/** More than the kernel keeps for a reader that takes nothing (4 MB by default on Linux). */
const wholeBytes = 6e6;
/** One for all: a thousand copies are more than the engine's heap. */
const whole = Buffer.from(`{"id":"x","choices":[],"y":"${'y'.repeat(wholeBytes)}"}`);

/**
 * Answers a long prompt half a second after it has it; a short one with more than its reader takes, as a stream without end
 * or as one whole answer.
 */
async function serveEngine(): Promise<void> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.method === 'GET') return void response.end('');
    let bytes = 0;
    let begin = '';
    request.on('data', (chunk: Buffer) => {
      if (begin.length < 200) begin += chunk.toString('latin1', 0, 200);
      bytes += chunk.length;
    });
    request.on('end', () => {
      const json = { 'content-type': 'application/json' };
      if (bytes > 10_000)
        return void setTimeout(() => response.writeHead(200, json).end('{"id":"x","choices":[]}'), 500);
      if (!begin.includes('"stream":true')) return void response.writeHead(200, json).end(whole);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (begin.includes('"user":"short"'))
        return void response.end(frames.role + frames.text('hi') + frames.finish + frames.done);
      const pour = (): void => {
        while (!response.destroyed && response.write(frames.text('z'.repeat(20_000))));
      };
      response.write(frames.role);
      response.on('drain', pour);
      pour();
    });
  });
  await listen(server);
}

async function listen(server: Server): Promise<void> {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  const address = server.address();
  say({ port: typeof address === 'object' ? address?.port : 0 });
}

/** What Node itself costs: as the engine answers, without anything between. */
async function serveBare(): Promise<void> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const json = { 'content-type': 'application/json' };
    const isLong =
      request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length']) > 1e4;
    request.resume();
    request.on('end', () => response.writeHead(200, json).end(isLong || request.method === 'GET' ? '{}' : whole));
  });
  await listen(server);
}

/** Connects all first, and says so. */
async function connectAll(count = job.count): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(200, count - sockets.length) }, () => {
      const socket = connect(job.port, '127.0.0.1');
      socket.on('error', () => {});
      return socket;
    });
    await Promise.all(some.map((socket) => once(socket, 'connect')));
    sockets.push(...some);
  }
  say({ connected: sockets.length });
  return sockets;
}

/** The status of one whole answer, or how its connection ended without it. */
function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const look = (): void => {
      const [, status, length] = /^HTTP\/1\.1 (\d+)[\s\S]*?content-length: (\d+)/i.exec(text) ?? [];
      if (length !== undefined && text.length >= text.indexOf('\r\n\r\n') + 4 + Number(length)) resolve(status ?? '');
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      look();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.on('close', () => resolve('cut'));
  });
}

async function tally(ends: readonly Promise<string>[]): Promise<Ends> {
  const seen: Ends = {};
  for (const end of await Promise.all(ends)) seen[end] = (seen[end] ?? 0) + 1;
  return seen;
}

/** Whole prompts at once, as fast as they are taken. */
async function upload(): Promise<void> {
  const body = chat(job.bytes, false);
  const request = Buffer.from(head('POST', '/v1/chat/completions', `content-length: ${body.length}\r\n`) + body);
  const sockets = await connectAll();
  const ends = sockets.map(endOf);
  for (const socket of sockets) socket.write(request);
  say(await tally(ends));
  for (const socket of sockets) socket.destroy();
}

/** Prompts in chunks of one byte. */
async function sendCrumbs(): Promise<void> {
  const sockets = await connectAll();
  const ends = sockets.map(endOf);
  const crumbs = Buffer.from(chat(job.bytes, false).replaceAll(/./g, (byte) => `1\r\n${byte}\r\n`));
  const request = Buffer.concat([
    Buffer.from(head('POST', '/v1/chat/completions', 'transfer-encoding: chunked\r\n')),
    crumbs,
    Buffer.from('0\r\n\r\n'),
  ]);
  for (const socket of sockets) socket.write(request);
  say(await tally(ends));
  for (const socket of sockets) socket.destroy();
}

/** Ask for more than they ever read: half for streams, half for whole answers. */
async function readNothing(): Promise<void> {
  const sockets = await connectAll();
  for (const [index, socket] of sockets.entries()) {
    socket.pause();
    const body = chat(10, index % 2 === 0);
    socket.write(head('POST', '/v1/chat/completions', `content-length: ${body.length}\r\n`) + body);
  }
  say({ asked: sockets.length });
  // Sockets that nobody reads keep no process alive.
  await once(process.stdin.resume(), 'end');
}

/** Ask once, and stay. */
async function idle(): Promise<void> {
  const sockets = await connectAll();
  const ends = await tally(
    sockets.map(async (socket) => {
      const end = endOf(socket);
      socket.write(head('GET', '/v1/models'));
      return end;
    }),
  );
  say(ends);
  await once(createInterface({ input: process.stdin }), 'line');
  say({ open: sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length });
  for (const socket of sockets) socket.destroy();
}

/** Asks `count` short streams, one after the other; gives the time to each first content, milliseconds. */
async function askAlone(): Promise<void> {
  const times: number[] = [];
  const [socket] = await connectAll(1);
  const body = chat(2000, true).replace('"m"', '"m","user":"short"');
  const request = head('POST', '/v1/chat/completions', `content-length: ${body.length}\r\n`) + body;
  let text = '';
  let askedAt = 0;
  const ask = (): void => {
    text = '';
    askedAt = performance.now();
    socket?.write(request);
  };
  ask();
  for await (const chunk of socket ?? []) {
    text += String(chunk);
    const isFirst = text.includes('"content"') && askedAt > 0;
    if (isFirst) times.push(performance.now() - askedAt);
    if (isFirst) askedAt = 0;
    if (!text.endsWith('\r\n0\r\n\r\n')) continue;
    if (times.length === job.count) break;
    ask();
  }
  say(times);
}

const jobs = {
  one: askAlone,
  engine: serveEngine,
  bare: serveBare,
  uploads: upload,
  crumbs: sendCrumbs,
  readers: readNothing,
  idle,
};
await jobs[job.what]();
