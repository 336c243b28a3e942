import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { connectRedis } from '#shared/runtime/redis.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { startRedisServer } from '#shared/testing/redis-server.ts';
import { describeLedgerChannel } from './ledger-channel.contract.ts';
import type { LedgerMedium } from './ledger-channel.contract.ts';
import { RedisLedgerChannel } from './redis-ledger-channel.ts';
import { noLoad } from '../replicas/replica-view.ts';

const log = pino({ level: 'silent' });

function open(url: string, router: string, epoch = 1): RedisLedgerChannel {
  return new RedisLedgerChannel({ url, vpcId: 'vpc', router, epoch, clock: systemClock, log });
}

async function createMedium(): Promise<LedgerMedium> {
  const server = await startRedisServer();
  return {
    open: (router) => open(server.url, router),
    eventually: (look) => eventually(look),
    cut: () => server.kill(),
    heal: () => server.restart(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describeLedgerChannel('RedisLedgerChannel', createMedium);

describe('RedisLedgerChannel on its own', () => {
  const row = { router: 'a', epoch: 1, seq: 4, replicas: { r1: { ...noLoad, inFlight: 2, prefillDoneIn: 0 } } };

  test('shows what it has under way in a key that ends with it', async () => {
    await using server = await startRedisServer();
    await using reader = connectRedis({ url: server.url, name: 'reader', log });
    await using a = open(server.url, 'a');
    a.publish({ kind: 'row', from: 'a', row, ageMs: 0 });
    await eventually(async () => {
      const shown = await reader.client.hgetall('fairway:{vpc}:router:a');
      expect(shown).toMatchObject({ epoch: '1', seq: '4', 'replica:r1': JSON.stringify(row.replicas.r1) });
    });
    const ttl = await reader.client.pttl('fairway:{vpc}:router:a');
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(5000);
    await a[Symbol.asyncDispose]();
    expect(await reader.client.exists('fairway:{vpc}:router:a')).toBe(0);
  });

  test('a server that hangs is down within 2 s; publishing goes on without waiting, and counts what is lost', async () => {
    await using server = await startRedisServer();
    await using a = open(server.url, 'a');
    await eventually(() => expect(a.up()).toBe(true));
    await server.pause();
    try {
      await eventually(() => expect(a.up()).toBe(false));
      for (let i = 0; i < 1000; i++) a.publish({ kind: 'ask', from: 'a', to: 'b', replica: String(i), offset: 0 });
      await eventually(() => expect(a.counts().dropped).toBeGreaterThanOrEqual(1000));
    } finally {
      server.resume();
    }
    await eventually(() => expect(a.up()).toBe(true));
  });

  test('is down for a while when its connection breaks but for a moment: words of others are lost then', async () => {
    await using server = await startRedisServer();
    await using admin = connectRedis({ url: server.url, name: 'admin', log });
    await using a = open(server.url, 'a');
    await eventually(() => expect(a.up() && admin.up()).toBe(true));
    await admin.client.client('KILL', 'TYPE', 'PUBSUB');
    await eventually(() => expect(a.up()).toBe(false), { everyMs: 250 });
    await eventually(() => expect(a.up()).toBe(true));
  });

  test('works without a server, and finds it when it comes', async () => {
    await using server = await startRedisServer();
    await server.kill();
    await using a = open(server.url, 'a');
    a.publish({ kind: 'row', from: 'a', row, ageMs: 0 });
    await server.restart();
    await eventually(() => expect(a.up()).toBe(true));
  });

  test('does not take the echo of an earlier process of the same name for its own, and refuses what it cannot read', async () => {
    await using server = await startRedisServer();
    await using writer = connectRedis({ url: server.url, name: 'writer', log });
    await using old = open(server.url, 'a', 1);
    await using a = open(server.url, 'a', 2);
    await eventually(() => expect(old.up() && a.up()).toBe(true));
    await eventually(() => expect(a.counts().received).toBeGreaterThan(0));
    for (const text of [
      'nonsense',
      '{"v":2,"sender":"x","messages":[]}',
      '{"v":1,"sender":"x","messages":[{"kind":"?"}]}',
    ]) {
      await writer.client.publish('fairway:{vpc}:ledger', text);
    }
    await eventually(() => expect(a.counts().refused).toBe(3));
  });

  test('loses a message that has no form, says so, and sends the next ones', async () => {
    await using server = await startRedisServer();
    await using a = open(server.url, 'a');
    await using b = open(server.url, 'b');
    await eventually(() => expect(a.up() && b.up()).toBe(true));
    const offsets: number[] = [];
    const { dropped } = a.counts();
    b.subscribe((message) => message.kind === 'ask' && offsets.push(message.offset));
    a.publish({ kind: 'ask', from: 'a', to: 'b', replica: 'r', offset: -1 });
    await eventually(() => expect(a.counts().dropped).toBe(dropped + 1));
    await eventually(() => expect(a.up()).toBe(true));
    a.publish({ kind: 'ask', from: 'a', to: 'b', replica: 'r', offset: 7 });
    await eventually(() => expect(offsets).toEqual([7]));
  });

  test('asks for a row that changes with every request once in a while', async () => {
    await using server = await startRedisServer();
    await using a = open(server.url, 'a');
    await eventually(() => expect(a.up()).toBe(true));
    let asked = 0;
    const ask = () => ({ ...row, seq: (asked += 1) });
    for (let request = 0; request < 1000; request += 1) a.rowChanged(ask);
    await eventually(() => expect(asked).toBe(1));
  });

  test('pushes within 20 ms', async () => {
    await using server = await startRedisServer();
    await using a = open(server.url, 'a');
    await using b = open(server.url, 'b');
    await eventually(() => expect(a.up() && b.up()).toBe(true));
    const took: number[] = [];
    for (let i = 0; i < 20; i++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = b.subscribe(({ kind }) => kind === 'ask' && resolve());
      a.publish({ kind: 'ask', from: 'a', to: 'b', replica: 'r', offset: 0 });
      took.push(await ownTimeOf(promise));
      stop();
    }
    // The quick quarter: a busy machine may delay the others.
    expect(took.toSorted((x, y) => x - y)[took.length / 4]).toBeLessThan(20);
  });
});
