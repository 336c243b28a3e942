import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { chatBodies } from './bodies.ts';
import { hear, say } from './lines.ts';

/** What is asked of whom: `requests` in all, `connections` at once, each with the next one when it has an answer. */
export interface LoadJob {
  readonly port: number;
  readonly token: string;
  readonly connections: number;
  readonly requests: number;
  readonly bodyBytes: number;
  readonly chunks: number;
  readonly seed: number;
  /** Connections begin within so many milliseconds, evenly (default: at once). */
  readonly rampMs?: number;
  /** Speaks TLS, and asks for no certificate. */
  readonly tls: boolean;
}

/** What clients saw: times to the first content, milliseconds. */
export interface LoadResult {
  readonly ttftMs: number[];
  readonly seconds: number;
}

const contentMark = Buffer.from('"content":" ');
/** Of an answer's end: its last event and the end of a chunked body. */
const endMark = /\[DONE\]\s+0\r\n\r\n$/;
const tailBytes = 48;
const job = await hear<LoadJob>();
const ttftMs: number[] = [];
const requests = prepared();

/** Requests as they go out, so that nothing is left to do but to send them. */
function prepared(): Buffer[] {
  const bodies = chatBodies({ seed: job.seed, bytes: job.bodyBytes, chunks: job.chunks });
  return Array.from({ length: job.requests }, () => {
    const body = bodies.next().value;
    const head = [
      'POST /v1/chat/completions HTTP/1.1',
      'host: 127.0.0.1',
      `authorization: Bearer ${job.token}`,
      'accept: application/json',
      'user-agent: OpenAI/JS 6.9.1',
      'content-type: application/json',
      `content-length: ${body.length}`,
      '\r\n',
    ].join('\r\n');
    return Buffer.concat([Buffer.from(head), body]);
  });
}

/** Resolves when nothing is left to ask. @throws for any end but a stream's good one. */
function client(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let askedAt = 0;
    let tail = '';
    const ask = (): void => {
      const request = requests.shift();
      if (request === undefined) return resolve();
      askedAt = performance.now();
      tail = '';
      socket.write(request);
    };
    socket.on('data', (piece: Buffer) => {
      if (askedAt > 0 && piece.includes(contentMark)) {
        ttftMs.push(performance.now() - askedAt);
        askedAt = 0;
      }
      tail = (tail + piece.toString('latin1', Math.max(0, piece.length - tailBytes))).slice(-tailBytes);
      if (!tail.endsWith('0\r\n\r\n')) return;
      if (askedAt > 0 || !endMark.test(tail))
        return reject(new Error(`an answer ended with ${JSON.stringify(piece.toString())}`));
      ask();
    });
    socket.on('close', () => reject(new Error('a connection was closed')));
    ask();
  });
}

const sockets = await Promise.all(
  Array.from({ length: job.connections }, () => {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const place = { port: job.port, host: '127.0.0.1', rejectUnauthorized: false };
    const connected = (): void => resolve(socket);
    const socket = (job.tls ? connectTls(place, connected) : connect(place, connected)).on('error', reject);
    return promise;
  }),
);
say({ ready: sockets.length });
await hear();
const startedAt = performance.now();
await Promise.all(
  sockets.map(async (socket, at) => {
    await delay(((job.rampMs ?? 0) * at) / sockets.length);
    await client(socket);
  }),
);
say({ ttftMs, seconds: (performance.now() - startedAt) / 1000 } satisfies LoadResult);
