import { describe, expect, test } from 'vitest';
import { redisKeys } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectRedis } from '#shared/runtime/redis.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRedisServer } from '#shared/testing/redis-server.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { contractLimits, describeAnswerStore, type AnswerMedium } from './answer-store.contract.ts';
import type { AnswerNote } from './answer-store.ts';
import { RedisAnswerStore } from './redis-answer-store.ts';

const log = silentLogger();
const vpcId = 'vpc';

function open(url: string, own: readonly AnswerNote[], limits = contractLimits): RedisAnswerStore {
  return new RedisAnswerStore({ url, vpcId, router: 'a', limits, own: () => own, clock: systemClock, log });
}

async function createMedium(): Promise<AnswerMedium> {
  const server = await startRedisServer();
  return {
    open: (_router, own = []) => open(server.url, own),
    now: () => Date.now(),
    eventually: (look) => eventually(look),
    cut: () => server.kill(),
    heal: () => server.restart(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describeAnswerStore('RedisAnswerStore', createMedium);

describe('RedisAnswerStore on its own', () => {
  const notes = Array.from({ length: 1000 }, (_, at): AnswerNote => ({
    key: String(at),
    answer: { replica: 'r', process: 'p', root: 1n, tip: 2n, bytes: 3 },
    givenAt: Date.now() - 1000 + at,
  }));

  test('writes many anew in slices, and every key ends by itself', async () => {
    await using server = await startRedisServer();
    await using reader = connectRedis({ url: server.url, name: 'reader', log });
    await using _store = open(server.url, notes, { answersMax: 2000, ttlMs: 60_000 });
    await eventually(async () => expect(await reader.client.zcard(redisKeys.keptAnswers(vpcId))).toBe(notes.length));
    const keys = await reader.client.keys('*');
    expect(keys).toHaveLength(notes.length + 1);
    const ttls = await Promise.all(keys.map((key) => reader.client.pttl(key)));
    expect([Math.min(...ttls) > 0, Math.max(...ttls) <= 60_000]).toEqual([true, true]);
  });

  test('a bound that was made smaller is met', async () => {
    await using server = await startRedisServer();
    await using reader = connectRedis({ url: server.url, name: 'reader', log });
    {
      await using _before = open(server.url, notes, { answersMax: 2000, ttlMs: 60_000 });
      await eventually(async () => expect(await reader.client.dbsize()).toBe(notes.length + 1));
    }
    await using _after = open(server.url, notes.slice(-600), { answersMax: 10, ttlMs: 60_000 });
    await eventually(async () => expect(await reader.client.dbsize()).toBe(11));
    await using late = open(server.url, []);
    await eventually(async () => expect(await late.get('999')).toEqual(notes[999]));
  });

  test('what is not there may be missing while Redis has just come back, and no longer', async () => {
    await using server = await startRedisServer();
    const clock = createTestClock();
    const parts = { url: server.url, vpcId, router: 'a', limits: contractLimits, own: () => [], log };
    await using store = new RedisAnswerStore({ ...parts, clock });
    expect(await store.get('k')).toBeUndefined();
    await server.restart();
    await eventually(() => expect(store.get('k')).rejects.toThrow('may be missing'));
    await clock.advance(2999);
    await expect(store.get('k')).rejects.toThrow('may be missing');
    await clock.advance(1);
    expect(await store.get('k')).toBeUndefined();
  });

  test('what it cannot read is not there, and a server that hangs fails a question in bounded time', async () => {
    await using server = await startRedisServer();
    await using writer = connectRedis({ url: server.url, name: 'writer', log });
    await using store = open(server.url, []);
    await eventually(async () =>
      expect(await writer.client.set(redisKeys.keptAnswer(vpcId, 'k'), '{"v":2}')).toBe('OK'),
    );
    await eventually(async () => expect(await store.get('k')).toBeUndefined());
    await server.pause();
    try {
      await expect(store.get('k')).rejects.toThrow();
    } finally {
      server.resume();
    }
  });
});
