import { hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { AppError } from '#shared/contract/errors.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { BodyRoom } from '../admit/body-room.ts';
import { Intake } from '../admit/intake.ts';
import { discardRest, readBody, RequestBody, type BodyLimits } from './request-body.ts';

const started = endAfterEach();
const never = new AbortController().signal;
const text = (bytes: number): string => Array.from({ length: bytes }, (_, at) => 'abcdefg'[at % 7]).join('');
const head = 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n';
const inChunksOf = (body: string, size: number): string =>
  `${body.replaceAll(new RegExp(`.{1,${size}}`, 'g'), (chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)}0\r\n\r\n`;

/** A server that echoes bodies, discards them under `/no` and long ones under `/short`, and the most pieces that a turn brought. */
async function startEcho() {
  const room = new BodyRoom({ bytes: 64e6, firstReadBytes: 0, waitMs: 0 }, systemClock);
  const seen = { all: 0, pieces: 0, most: 0, waits: 0 };
  const intake = new Intake(128 * 1024, { nextTurn: setImmediate, held: () => (seen.waits += 1) });
  const limits: BodyLimits = { bytesMax: 64e6, timeoutMs: 60_000, clock: systemClock, intake };
  const count = (): void => {
    if (seen.pieces === 0) setImmediate(() => (seen.pieces = 0));
    seen.all += 1;
    seen.pieces += 1;
    seen.most = Math.max(seen.most, seen.pieces);
  };
  const echo = async (incoming: IncomingMessage): Promise<string> => {
    if (incoming.url === '/no') {
      discardRest(incoming, limits);
      incoming.on('data', count);
      return 'no';
    }
    using body = new RequestBody(room);
    try {
      const bytesMax = incoming.url === '/short' ? 1000 : limits.bytesMax;
      await readBody(incoming, { ...limits, bytesMax }, { body, grown: count, gone: never });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      discardRest(incoming, limits);
      return error.code;
    }
    return Buffer.concat(body.pieces).toString();
  };
  const server = createServer((incoming, outgoing) => {
    echo(incoming).then(
      (answer) => outgoing.end(answer),
      () => outgoing.destroy(),
    );
  });
  started.defer(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const open = (): Socket & { text: string } => {
    const socket = Object.assign(connect(port, '127.0.0.1'), { text: '' });
    started.defer(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (chunk) => (socket.text += chunk.toString('latin1')));
    return socket;
  };
  return { seen, intake, open };
}

/** Short enough to be shown. */
const short = (body: string): string => `${body.length} ${hash('sha256', body)}`;
const bodiesOf = (answers: string): string[] =>
  [...answers.matchAll(/content-length: (\d+)[\s\S]*?\r\n\r\n/gi)].map(({ index, 0: found, 1: length }) =>
    short(answers.slice(index + found.length, index + found.length + Number(length))),
  );

describe('a body in chunks of one byte', () => {
  it('arrives whole, a slice per turn once it is known, and its connection serves what follows', async () => {
    const { seen, intake, open } = await startEcho();
    const bodies = [text(40_000), text(50_001), text(7)];
    const socket = open();
    socket.write(bodies.map((body) => head + inChunksOf(body, 1)).join(''));
    socket.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n${text(300_000)}`);
    await eventually(() => expect(bodiesOf(socket.text)).toEqual([...bodies, text(300_000)].map(short)));
    // What is there before that is out of its hands: one read of the socket, two behind another body; six bytes each.
    expect(seen.most).toBeLessThan((2 * 64 * 1024) / 6);
    expect(seen.waits).toBeGreaterThan(300);
    expect(intake.waiting).toBe(0);
  });

  it.each(['/', '/no'])('of a crowd, a turn takes a few slices of: %s', async (path) => {
    const { seen, open } = await startEcho();
    const sockets = Array.from({ length: 10 }, open);
    // Enough to be known, then all of it at once.
    for (const socket of sockets) socket.write(head.replace('/', path) + '1\r\na\r\n'.repeat(100));
    await eventually(() => expect(seen.all).toBe(1000));
    await eventually(() => expect(seen.pieces).toBe(0));
    seen.most = 0;
    for (const socket of sockets) socket.write(inChunksOf(text(20_000), 1));
    const whole = path === '/' ? 'a'.repeat(100) + text(20_000) : 'no';
    await eventually(() => {
      for (const socket of sockets) expect(bodiesOf(socket.text)).toEqual([short(whole)]);
    });
    expect(seen.most).toBeLessThan(3 * 180);
  });

  it('that is too long is told so and passed over, and its connection serves what follows', async () => {
    const { intake, open } = await startEcho();
    const socket = open();
    socket.write(head.replace('/', '/short') + inChunksOf(text(40_000), 1));
    socket.write(head + inChunksOf(text(30_000), 1));
    await eventually(() => expect(bodiesOf(socket.text)).toEqual(['request_too_large', text(30_000)].map(short)));
    expect(intake.waiting).toBe(0);
  });

  it('that breaks off, breaks its connection and nothing else', async () => {
    const { intake, open } = await startEcho();
    const [half, bad, gone, other] = [open(), open(), open(), open()];
    const begun = head + inChunksOf(text(30_000), 1).slice(0, -5);
    half.end(begun);
    bad.write(`${begun}zz\r\n`);
    gone.write(begun, () => gone.destroy());
    await eventually(() => expect([half, bad, gone].map(({ closed }) => closed)).toEqual([true, true, true]));
    other.write(head + inChunksOf(text(30_000), 5));
    await eventually(() => expect(bodiesOf(other.text)).toEqual([short(text(30_000))]));
    await eventually(() => expect(intake.waiting).toBe(0));
  });
});
