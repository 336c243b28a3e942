import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary, onFreePort, startChildServer, type ChildServer } from './child-server.ts';

/** A real Redis or Valkey on a free port, without persistence. */
export async function startRedisServer(): Promise<ChildServer> {
  return onFreePort(startOn);
}

async function startOn(port: number): Promise<ChildServer> {
  const folder = await mkdtemp(join(tmpdir(), 'fairway-redis-'));
  return startChildServer({
    url: `redis://127.0.0.1:${port}`,
    command: findBinary('FAIRWAY_REDIS_SERVER', ['valkey-server', 'redis-server']),
    args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    ready: () => redisIsReady(port),
    cleanup: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  });
}

async function redisIsReady(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write('PING\r\n');
    const [reply]: Buffer[] = await once(socket, 'data', { signal: AbortSignal.timeout(1000) });
    if (reply?.toString().startsWith('+PONG') !== true) throw new Error('not ready');
  } finally {
    socket.destroy();
  }
}
