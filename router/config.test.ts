import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { maskConfig } from '#shared/runtime/read-config.ts';
import { processesOf, readAloneConfig, readRouterConfig, routerConfigSchema } from './config.ts';

const env = {
  FAIRWAY_NATS_URL: 'nats://127.0.0.1:1',
  FAIRWAY_REDIS_URL: 'redis://127.0.0.1:2',
  FAIRWAY_VPC_ID: '00000000-0000-8000-8000-000000000001',
  FAIRWAY_TOKEN_HASH_KEY: Buffer.alloc(32, 7).toString('base64url'),
  FAIRWAY_STATE_DIR: 'state',
};

describe('the configuration', () => {
  it('has defaults for all that need not be said, and masks the key', () => {
    const config = readRouterConfig(env);
    expect(config).toMatchObject({ FAIRWAY_DRAIN_TIMEOUT_MS: 600_000, FAIRWAY_BODY_BYTES_MAX: 16 * 1024 * 1024 });
    expect(JSON.stringify(maskConfig(routerConfigSchema, config))).not.toContain(env.FAIRWAY_TOKEN_HASH_KEY);
  });

  it('reads the members that do not count as a list', () => {
    const members = (text: string) =>
      readRouterConfig({ ...env, FAIRWAY_VOLATILE_MEMBERS: text }).FAIRWAY_VOLATILE_MEMBERS;
    expect(readRouterConfig(env).FAIRWAY_VOLATILE_MEMBERS).toEqual([]);
    expect(members('stamp,trace_id')).toEqual(['stamp', 'trace_id']);
    expect(() => members('x'.repeat(65))).toThrow(/FAIRWAY_VOLATILE_MEMBERS: a name has at most 64 bytes/);
  });

  it('divides among processes what bounds a router, and no time', () => {
    const given = { ...env, FAIRWAY_PROCESSES: '3', FAIRWAY_IN_FLIGHT_MAX: '100', FAIRWAY_ROUTER_ID: 'edge' };
    const config = readRouterConfig(given);
    const { count, name, env: told } = processesOf(config);
    expect([count, name]).toEqual([3, 'edge']);
    const one = readRouterConfig({ ...given, ...told });
    expect([one.FAIRWAY_PROCESSES, one.FAIRWAY_IN_FLIGHT_MAX]).toEqual([1, 34]);
    const differing = Object.entries(one).filter(([key, value]) => !isDeepStrictEqual(value, Reflect.get(config, key)));
    const names = differing.map(([key]) => key).filter((key) => !/_(MAX|BYTES|KEPT)$/.test(key));
    expect(names.toSorted()).toEqual(['FAIRWAY_PROCESSES']);
  });

  it('needs Redis beside NATS, and ports that processes can share', () => {
    const { FAIRWAY_REDIS_URL: _, ...withoutRedis } = env;
    expect(() => readRouterConfig(withoutRedis)).toThrow('FAIRWAY_REDIS_URL is not set');
    expect(readAloneConfig(withoutRedis).FAIRWAY_REDIS_URL).toBeUndefined();
    expect(() => readRouterConfig({ ...env, FAIRWAY_REUSE_PORT: '1' })).toThrow('FAIRWAY_REUSE_PORT needs ports');
    expect(readRouterConfig({ ...env, FAIRWAY_PROCESSES: '10' }).FAIRWAY_PROCESSES).toBe(10);
    expect(() => readRouterConfig({ ...env, FAIRWAY_PROCESSES: '11' })).toThrow(`raise it to ${11 * 16 * 1024 ** 2}`);
  });

  it('says every problem at once', () => {
    const wrong = { ...env, FAIRWAY_TOKEN_HASH_KEY: 'short', FAIRWAY_VPC_ID: 'x', FAIRWAY_QUEUE_MAX: '-1' };
    expect(() => readRouterConfig(wrong)).toThrow(
      /FAIRWAY_VPC_ID[^]*FAIRWAY_TOKEN_HASH_KEY: must be 32 bytes[^]*FAIRWAY_QUEUE_MAX/,
    );
  });
});
