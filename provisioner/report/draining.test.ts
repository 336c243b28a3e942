import { describe, expect, it } from 'vitest';
import type { StatusDocument } from '#shared/contract/status.ts';
import type { DrainVerdict } from '../drain/decide-drain.ts';
import {
  sampleNow,
  sampleObserved,
  samplePod,
  samplePool,
  sampleReplica,
  sampleStatus,
} from '../testing/sample-endpoint.ts';
import { drainingOf } from './draining.ts';

const pods = [samplePod(1), samplePod(2), samplePod(3)];
const deadlines = ['2026-01-01T00:10:00.000Z', '2026-01-01T00:12:00.000Z'];
const pool = samplePool(pods.map((pod, at) => sampleReplica(pod, at < 2 ? 'draining' : 'ready', deadlines[at])));
const busy = (count: number, oldestAt?: number): DrainVerdict => ({
  go: false,
  reason: `${count} requests in flight`,
  inFlight: { count, ...(oldestAt !== undefined && { oldestAt }) },
});
const unknown: DrainVerdict = { go: false, reason: 'router r1 is silent' };
const none: DrainVerdict = { go: true, reason: '', inFlight: { count: 0 } };

const look = (
  gates: readonly DrainVerdict[],
  {
    before,
    afterMs = 0,
    there = pods,
  }: { before?: StatusDocument['draining']; afterMs?: number; there?: typeof pods } = {},
) =>
  drainingOf(
    sampleObserved({
      pods: there,
      pools: new Map([[pool.pool, { document: pool, seq: 1 }]]),
      gates: new Map(gates.map((gate, at) => [pods[at]?.replicaId ?? '', gate])),
      status: { document: sampleStatus(before === undefined ? {} : { draining: before }), seq: 1 },
      now: sampleNow + afterMs,
    }),
  );

describe('what drains wait for', () => {
  it('is the sum of their requests, the oldest of these and the last deadline', () => {
    expect(look([busy(2, sampleNow - 7300), busy(3, sampleNow - 4000)])).toEqual({
      replicas: 2,
      inflight: 5,
      oldest: '2025-12-31T23:59:52.000Z',
      deadline: deadlines[1],
      message: '5 requests are in flight.',
      at: '2026-01-01T00:00:00.000Z',
    });
  });

  it.each([
    ['one replica of which nothing is known makes all unknown', [busy(2, 1), unknown], null, 'router r1 is silent'],
    ['nothing in flight has no oldest', [none, none], 0, 'Nothing is in flight'],
    ['a router that does not tell ages leaves the oldest unknown', [busy(2, 1), busy(1)], 3, '3 requests'],
  ] as const)('%s', (...[, gates, inflight, message]) => {
    expect(look(gates)).toMatchObject({ inflight, oldest: null, message: expect.stringContaining(message) });
  });

  it('leaves out replicas that are gone, and is nothing without any', () => {
    expect(look([unknown, busy(1, 1000)], { there: pods.slice(1) })).toMatchObject({ replicas: 1, inflight: 1 });
    expect(look([unknown, unknown], { there: pods.slice(2) })).toBeUndefined();
  });
});

describe('what the status says of drains', () => {
  const before = look([busy(2, 1000), none]);

  it.each([
    ['other figures', 4999, [busy(1, 1000), none], false],
    ['other figures after a while', 5000, [busy(1, 1000), none], true],
    ['the same figures, however old', 60_000, [busy(2, 1000), none], false],
    ['what has become unknown', 4999, [unknown, none], false],
    ['what has become unknown after a while', 5000, [unknown, none], true],
  ] as const)('is renewed or not by %s', (...[, afterMs, gates, renewed]) => {
    expect(look(gates, { before, afterMs })?.at !== before?.at).toBe(renewed);
  });

  it('is renewed at once by what was unknown, and by a replica that is gone', () => {
    const first = look([unknown, unknown]);
    expect(look([busy(2, 1000), none], { before: first, afterMs: 100 })).toMatchObject({ inflight: 2 });
    expect(look([busy(2, 1000), none], { before, afterMs: 100, there: pods.slice(1) })).toMatchObject({ inflight: 0 });
  });
});
