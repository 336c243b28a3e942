import { connect } from 'node:net';
import { once } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { startRedisServer } from '#shared/testing/redis-server.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { systemClock } from './clock.ts';
import { createLogger, silentLogger } from './log.ts';
import { connectRedis, type RedisConnection } from './redis.ts';

/** Every command must be over by then: the time-out and what a busy machine adds. */
const commandMs = 250 + 400;

/** Milliseconds until something is over, well or not, and how. */
async function outcome(work: Promise<unknown>): Promise<{ ms: number; result: string }> {
  const ms = await ownTimeOf(work);
  return { ms, result: await work.then(String, (error: unknown) => String(error)) };
}

const isUp = (redis: RedisConnection): Promise<void> =>
  eventually(async () => {
    expect(redis.up()).toBe(true);
    expect(await redis.client.ping()).toBe('PONG');
  });

describe('a Redis connection', () => {
  let server: ChildServer;
  let redis: RedisConnection;
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown): void => void uncaught.push(error);

  const started = endAfterEach();
  beforeEach(async () => {
    uncaught.length = 0;
    process.on('unhandledRejection', onUncaught);
    started.defer(() => {
      process.off('unhandledRejection', onUncaught);
      expect(uncaught).toEqual([]);
    });
    server = await started.use(startRedisServer());
    redis = started.keep(connectRedis({ url: server.url, name: 'test', log: silentLogger() }));
  });

  it('fails commands at once while the server was never there, and works as soon as it is', async () => {
    const port = await freePort();
    const log: string[] = [];
    await using early = connectRedis({
      url: `redis://127.0.0.1:${port}`,
      name: 'early',
      log: createLogger('test', { destination: { write: (line: string) => void log.push(line) } }),
    });
    for (let turn = 0; turn < 5; turn += 1) {
      const { ms, result } = await outcome(early.client.get('a'));
      expect(result).toMatch(/Error/);
      expect(ms).toBeLessThan(commandMs);
    }
    expect(early.up()).toBe(false);
    await eventually(() => expect(log.join('')).toContain('ECONNREFUSED'));
    let tries = 0;
    early.client.on('reconnecting', () => (tries += 1));
    await eventually(() => expect(tries).toBeGreaterThan(2));
    expect(log.length).toBeLessThan(4);
  });

  it('comes back after the server was killed and started again', async () => {
    await isUp(redis);
    await server.kill();
    await eventually(() => expect(redis.up()).toBe(false));
    const { ms, result } = await outcome(redis.client.set('a', '1'));
    expect(result).toMatch(/Error/);
    expect(ms).toBeLessThan(commandMs);
    await server.restart();
    await isUp(redis);
  });

  it('does not run a command again whose answer was lost', async () => {
    await isUp(redis);
    await server.pause();
    const lost = outcome(redis.client.incr('n'));
    await server.kill();
    expect((await lost).result).toMatch(/Error/);
    await server.restart();
    await isUp(redis);
    expect(await redis.client.get('n')).toBeNull();
  });

  it('fails each command in time while the server hangs, notices it, and comes back', async () => {
    await isUp(redis);
    await server.pause();
    const results = await Promise.all(Array.from({ length: 20 }, () => outcome(redis.client.incr('n'))));
    for (const { ms, result } of results) {
      expect(result).toMatch(/Error/);
      expect(ms).toBeLessThan(commandMs);
    }
    await eventually(() => expect(redis.up()).toBe(false));
    // Two seconds of the client's own tries: a command ends in time whatever one of them waits for.
    for (let turn = 0; turn < 20; turn += 1) {
      const { ms, result } = await outcome(redis.client.get('a'));
      expect(result).toMatch(/Error/);
      expect(ms).toBeLessThan(commandMs);
      await systemClock.sleep(100);
    }
    server.resume();
    await isUp(redis);
  });

  it('leaves a primary that has become a replica', async () => {
    await isUp(redis);
    await using other = connectRedis({ url: server.url, name: 'operator', log: silentLogger() });
    await isUp(other);
    const [, before] = /id=(\d+)/.exec(String(await redis.client.client('INFO'))) ?? [];
    await other.client.replicaof('127.0.0.1', await freePort());
    expect((await outcome(redis.client.set('a', '1'))).result).toContain('READONLY');
    await other.client.replicaof('NO', 'ONE');
    await eventually(async () => expect(await redis.client.set('a', '1')).toBe('OK'));
    const [, after] = /id=(\d+)/.exec(String(await redis.client.client('INFO'))) ?? [];
    expect(after).not.toBe(before);
  });

  it.each(['up', 'down', 'hanging'])('ends at once when the server is %s', async (state) => {
    await isUp(redis);
    if (state === 'down') await server.kill();
    if (state === 'hanging') await server.pause();
    const pending = outcome(redis.client.get('a'));
    expect((await outcome(Promise.resolve(redis[Symbol.asyncDispose]()))).ms).toBeLessThan(commandMs);
    await pending;
    if (state === 'down') await server.restart();
    if (state === 'hanging') server.resume();
    // That it does not come back can only be seen by waiting: longer than its longest pause between two tries.
    await systemClock.sleep(1200);
    expect(redis.up()).toBe(false);
    await using other = connectRedis({ url: server.url, name: 'operator', log: silentLogger() });
    await isUp(other);
    expect(String(await other.client.client('LIST'))).not.toContain('name=test');
  });
});

it('a hanging server still takes connections (the case above is real)', async () => {
  await using server = await startRedisServer();
  await server.pause();
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
});
