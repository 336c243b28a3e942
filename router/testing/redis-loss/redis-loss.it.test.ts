import { beforeAll, describe, expect, it } from 'vitest';
import { redisKeys } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectRedis } from '#shared/runtime/redis.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startRedisLossLab, type RedisLossLab, type Talk } from './redis-loss-lab.ts';

let lab: RedisLossLab;

const started = endAfterAll();
beforeAll(async () => {
  lab = await started.use(startRedisLossLab({ routers: 3, replicas: 2 }));
  await whenUp(1);
});

const all = <T>(value: T): T[] => lab.routers.map(() => value);
const whenUp = (up: 0 | 1) => eventually(async () => expect(await lab.everywhere('ledger_up')).toEqual(all(up)));
const served = (talk: Talk, more: number): Promise<void> => {
  const from = talk.turns.length;
  return eventually(() => expect(talk.turns.length).toBeGreaterThanOrEqual(from + more));
};

/** Rows of all routers agree again, and their indexes but for what each has corrected by its own answers. */
async function agree(): Promise<void> {
  await eventually(async () => {
    expect(await lab.everywhere('cluster_in_flight_requests')).toEqual(all(0));
    const blocks = await lab.everywhere('prefix_blocks');
    expect(Math.min(...blocks)).toBeGreaterThan(0.97 * Math.max(...blocks));
  });
}

/** Each router's row, where people with redis-cli look for it. */
async function rowsAt(url: string): Promise<number> {
  await using redis = connectRedis({ url, name: 'test', log: silentLogger() });
  await eventually(() => expect(redis.up()).toBe(true));
  return redis.client.exists(...lab.routers.map(({ routerId }) => redisKeys.routerRow(lab.vpcId, routerId)));
}

/** Turns go on before, during and after; none of them fails, and all routers agree in the end. */
async function unharmed(seed: number, fault: (talk: Talk) => Promise<void>): Promise<void> {
  await using talk = lab.converse({ conversations: 30, pauseMs: 500, seed });
  await served(talk, 60);
  await fault(talk);
  await talk[Symbol.asyncDispose]();
  expect(talk.failures).toEqual([]);
  await agree();
}

describe('no request fails, and routers agree again, when Redis', () => {
  const faults: [string, () => Promise<void>, () => Promise<void> | void][] = [
    ['is killed', () => lab.redis.primary.kill(), () => lab.redis.primary.restart()],
    ['hangs', () => lab.redis.primary.pause(), () => lab.redis.primary.resume()],
  ];
  it.each(faults)('%s', (_, strike, mend) =>
    unharmed(1, async (talk) => {
      await strike();
      await whenUp(0);
      await served(talk, 60);
      await mend();
      await whenUp(1);
      await served(talk, 30);
    }),
  );

  it('forgets all it has', () =>
    unharmed(2, async (talk) => {
      await using redis = connectRedis({ url: lab.redis.primary.url, name: 'test', log: silentLogger() });
      await eventually(() => redis.client.flushall());
      await eventually(async () => expect(await rowsAt(lab.redis.primary.url)).toBe(lab.routers.length));
      await served(talk, 30);
    }));

  it('is failed over to its follower, and the former primary is left as one', () =>
    unharmed(3, async (talk) => {
      await lab.failOver();
      await eventually(async () => expect(await rowsAt(lab.redis.primary.url)).toBe(lab.routers.length));
      await served(talk, 30);
      await lab.redis.follower.kill();
      await served(talk, 60);
      await whenUp(1);
    }));
});
