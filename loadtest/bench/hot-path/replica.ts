import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { readTlsFiles, type TlsFiles } from '#shared/runtime/tls/tls-files.ts';
import { hear, say } from './lines.ts';

/** An engine that is never the bottleneck: how many of them in this process, and the time between two events of a stream, ms. */
export interface ReplicaJob {
  readonly ports: number;
  readonly paceMs: number;
  /** Speaks TLS. */
  readonly tls?: TlsFiles | undefined;
}

/** What is looked at of a body, for `max_tokens`. */
const beginBytes = 64;
const job = await hear<ReplicaJob>();
const chunk = (data: string): string => `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`;
const event = (members: object): string =>
  `data: ${JSON.stringify({ id: 'chatcmpl-6f1c0a4e9b7d4c53a2e8f0b1d3c5a796', object: 'chat.completion.chunk', created: 1764230400, model: 'm', ...members })}\n\n`;
const choice = (delta: object, finish: string | null): object => ({
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finish, token_ids: null }],
});
const token = chunk(event(choice({ content: ' token' }, null)));
const head = [
  'HTTP/1.1 200 OK',
  'date: Thu, 27 Nov 2025 08:00:00 GMT',
  'server: uvicorn',
  'content-type: text/event-stream; charset=utf-8',
  'transfer-encoding: chunked',
  '\r\n',
].join('\r\n');
const first = Buffer.from(head + chunk(event(choice({ role: 'assistant', content: '' }, null))) + token);
const next = Buffer.from(token);
const looked = Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n\r\n');

/** Streams by the millisecond in which they get their next event. */
const wheel = Array.from({ length: job.paceMs }, () => new Set<Stream>());
let place = 0;
let turnedAt = performance.now();

function turn(): void {
  const now = performance.now();
  // Whoever is late writes no two events at once: what comes together costs less.
  const steps = Math.min(wheel.length, Math.floor(now - turnedAt));
  for (let step = 0; step < steps; step += 1) {
    place = (place + 1) % wheel.length;
    for (const stream of wheel[place] ?? []) stream.go();
  }
  if (steps > 0) turnedAt = now;
  setTimeout(turn, 1);
}

/** An answer under way. */
class Stream {
  readonly #socket: Socket;
  readonly #slot: Set<Stream> | undefined;
  readonly #chunks: number;
  readonly #promptBytes: number;
  #sent = 1;

  constructor(socket: Socket, chunks: number, promptBytes: number) {
    this.#socket = socket;
    this.#slot = wheel[place];
    this.#chunks = chunks;
    this.#promptBytes = promptBytes;
    socket.write(first);
    this.#slot?.add(this);
  }

  go(): void {
    if (this.#sent < this.#chunks && !this.#socket.destroyed) {
      this.#sent += 1;
      this.#socket.write(next);
      return;
    }
    this.#slot?.delete(this);
    const prompt = Math.ceil(this.#promptBytes / 4);
    const usage = { prompt_tokens: prompt, completion_tokens: this.#sent, total_tokens: prompt + this.#sent };
    const end = [event(choice({}, 'stop')), event({ choices: [], usage }), 'data: [DONE]\n\n'];
    this.#socket.write(`${end.map(chunk).join('')}0\r\n\r\n`);
  }
}

/** Requests of one connection: heads with a length, one after the other. */
function serve(socket: Socket): void {
  let waiting = Buffer.alloc(0);
  let body: { left: number; bytes: number; begin: string } | undefined;
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (piece: Buffer) => {
    let bytes = piece;
    if (body === undefined) {
      waiting = Buffer.concat([waiting, piece]);
      const end = waiting.indexOf('\r\n\r\n');
      if (end < 0) return;
      const text = waiting.toString('latin1', 0, end);
      bytes = waiting.subarray(end + 4);
      waiting = Buffer.alloc(0);
      if (text.startsWith('GET ')) return void socket.write(looked);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1]);
      if (!(length > 0)) return void socket.destroy(new Error(`a request without a length: ${text}`));
      body = { left: length, bytes: length, begin: '' };
    }
    if (body.begin.length < beginBytes) body.begin += bytes.toString('latin1', 0, beginBytes);
    body.left -= bytes.length;
    if (body.left > 0) return;
    new Stream(socket, Number(/"max_tokens":(\d+)/.exec(body.begin)?.[1] ?? 1), body.bytes);
    body = undefined;
  });
}

const ports: number[] = [];
const identity = job.tls && (await readTlsFiles(job.tls));
for (let each = 0; each < job.ports; each += 1) {
  const server = identity === undefined ? createServer(serve) : createTlsServer(identity, serve);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  ports.push((server.address() as AddressInfo).port);
}
turn();
say({ ports });
