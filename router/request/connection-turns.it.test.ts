import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { Arrivals } from '../admit/arrivals.ts';
import type { NextTurn } from '../admit/next-turn.ts';
import { ConnectionTurns } from './connection-turns.ts';

const started = endAfterEach();

/** A server that says the path, and the most requests that came in one turn of its event loop. */
async function startEcho(nextTurn: NextTurn = globalThis.setImmediate) {
  const seen = { open: 0, now: 0, turns: [] as number[], full: 0, served: [] as unknown[] };
  const arrivals = new Arrivals({ nextTurn, held: () => (seen.full += 1), now: () => 0 });
  const turns = new ConnectionTurns(arrivals, () => {});
  const server = createServer((incoming, outgoing) => {
    if (seen.now === 0) void setImmediate().then(() => (seen.now = 0));
    seen.now += 1;
    seen.turns.push(seen.now);
    turns.enter(incoming, outgoing, () => {
      turns.belongTo(incoming.socket, 'a');
      seen.served.push(incoming.url);
      outgoing.shouldKeepAlive = incoming.url !== '/last';
      outgoing.end(`<${incoming.url}>`);
    });
  });
  server.on('connection', (socket: Socket) => {
    seen.open += 1;
    turns.open(socket);
  });
  started.defer(() => server.close());
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1000 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connectOne = (): Socket & { text: string } => {
    const socket = Object.assign(connect(port, '127.0.0.1'), { text: '' });
    started.defer(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (chunk) => (socket.text += chunk.toString('latin1')));
    return socket;
  };
  const open = async (count: number): Promise<(Socket & { text: string })[]> => {
    const all = seen.open + count;
    const sockets = Array.from({ length: count }, connectOne);
    await eventually(() => expect(seen.open).toBe(all));
    return sockets;
  };
  return { seen, arrivals, connectOne, open };
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`;

it('a connection whose last reply is said serves no request more', async () => {
  const { seen, connectOne } = await startEcho();
  const socket = connectOne();
  socket.write(get('/1') + get('/last') + get('/3'));
  await once(socket, 'close');
  expect([socket.text.includes('</last>'), seen.turns.length, seen.served]).toEqual([true, 3, ['/1', '/last']]);
});

describe('connections that bring requests at the same time', () => {
  it('take turns, again and again, and all are answered', async () => {
    const { seen, arrivals, open } = await startEcho();
    const sockets = await open(300);
    for (const round of ['/1', '/2']) {
      for (const socket of sockets) socket.write(get(round));
      await eventually(() => expect(sockets.filter(({ text }) => !text.includes(`<${round}>`))).toEqual([]));
    }
    expect(seen.turns).toHaveLength(600);
    expect(Math.max(...seen.turns)).toBeLessThanOrEqual(17);
    expect(seen.turns.filter((count) => count > 5).length).toBeLessThan(100);
    expect(seen.full).toBeGreaterThanOrEqual(2);
    await eventually(() => expect(arrivals.waiting).toBe(0));
  });

  it('wait behind those who wait, also when they are new', async () => {
    const due: (() => void)[] = [];
    const { seen, arrivals, connectOne, open } = await startEcho((act) => due.push(act));
    const sockets = await open(100);
    for (const socket of sockets) socket.write(get('/1'));
    await eventually(() => expect(sockets.filter(({ text }) => text.includes('</1>'))).toHaveLength(16));
    const late = connectOne();
    late.write(get('/late'));
    await eventually(() => expect(seen.open).toBe(101));
    for (let turns = 0; turns < 100; turns += 1) await setImmediate();
    expect([late.text, arrivals.waiting]).toEqual(['', 101]);
    await eventually(() => {
      due.shift()?.();
      expect(late.text).toContain('</late>');
    });
  });

  it('do not wait for those that are silent or leave, and serve what each pipelines in order', async () => {
    const { seen, arrivals, open } = await startEcho();
    const silent = await open(200);
    const sockets = await open(100);
    for (const socket of sockets) socket.write(get('/1') + get('/2') + get('/3'));
    for (const socket of silent.slice(0, 100)) socket.destroy();
    await eventually(() => expect(sockets.filter(({ text }) => !/<\/1>[^]*<\/2>[^]*<\/3>/.test(text))).toEqual([]));
    expect(seen.full).toBeGreaterThan(0);
    for (const socket of silent.slice(100)) socket.write(get('/late'));
    await eventually(() => expect(silent.slice(100).filter(({ text }) => !text.includes('</late>'))).toEqual([]));
    await eventually(() => expect(arrivals.waiting).toBe(0));
  });
});
