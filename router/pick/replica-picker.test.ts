import { describe, expect, it } from 'vitest';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { PoolDirectory } from '../edge/pool-directory.ts';
import { PrefixIndex, type PrefixNews } from '../replicas/prefix-index.ts';
import { ReplicaTable } from '../replicas/replica-table.ts';
import { ReplicaHealth } from '../replicas/replica-health.ts';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import type { Slot, Work } from './picker.ts';
import { ReplicaPicker } from './replica-picker.ts';
import { Tried } from './tried.ts';
import { TokenWeights } from './bytes-per-token.ts';

const never = new AbortController().signal;
const limits = {
  inFlightMax: 100,
  queueMax: 10,
  queueBytesMax: 1000,
  turnTimeoutMs: 1000,
  capacityTimeoutMs: 500,
};

function make(replicas = [replicaAt(1), replicaAt(2)]) {
  const clock = createTestClock();
  const pools = new PoolDirectory();
  const pool: PoolDocument = poolDocument({ replicas });
  pools.put(pool);
  const table = new ReplicaTable({ router: 'r', epoch: 1 });
  const index = new PrefixIndex({ capacityBytes: () => 1e9 });
  const health = new ReplicaHealth();
  const news: PrefixNews[] = [];
  const hits: [number, number][] = [];
  let rows = 0;
  const picker = new ReplicaPicker({
    pools,
    table,
    index,
    health,
    weights: new TokenWeights(),
    limits,
    clock,
    rowChanged: () => (rows += 1),
    announce: (one) => news.push(one),
    hitsKnown: (predicted, reported) => hits.push([predicted, reported]),
  });
  picker.refresh();
  const acquire = (one: Work, tried?: Tried): Promise<Slot> => picker.acquire(one, never, tried);
  const load = () => replicas.map(({ replicaId }) => table.ownLoad(replicaId).inFlight);
  return { clock, pools, pool, picker, acquire, health, news, hits, load, replicas, rows: () => rows };
}

/** A prompt of blocks of 1,000 bytes; the first one is the first user message. */
function work(pool: PoolDocument, keys: readonly bigint[], more: Partial<Work> = {}): Work {
  const bytesUpTo = Float64Array.from(keys, (_, at) => (at + 1) * 1000);
  return {
    pool: pool.pool,
    flow: 'token',
    bytes: 10,
    prompt: { keys: BigUint64Array.from(keys), bytesUpTo, firstUserEnd: 0 },
    maxTokens: 10,
    ...more,
  };
}

describe('the picker', () => {
  it('books at once and gives back once, whatever is called how often', async () => {
    const { acquire, pool, load, rows } = make();
    const first = await acquire(work(pool, [1n]));
    const second = await acquire(work(pool, [2n]));
    expect(load()).toEqual([1, 1]);
    for (const slot of [first, first, second]) {
      slot.ended({ kind: 'left' });
      slot[Symbol.dispose]();
    }
    expect(load()).toEqual([0, 0]);
    expect(rows()).toBe(4);
  });

  it('comes back to the replica that has the conversation, and counts its output as cached', async () => {
    const { acquire, pool, news, hits } = make();
    const first = await acquire(work(pool, [1n, 2n]));
    first.accepted();
    first.ended({ kind: 'answered', usage: { promptTokens: 500, completionTokens: 40, cachedTokens: 0 } });
    first[Symbol.dispose]();
    const next = await acquire(work(pool, [1n, 2n, 3n]));
    expect(next).toMatchObject({ reason: 'affinity', replica: first.replica });
    expect(next.predictedCachedTokens).toBe(500 + 40);
    next.accepted();
    next.ended({ kind: 'answered', usage: { promptTokens: 760, completionTokens: 1, cachedTokens: 528 } });
    expect(hits).toEqual([
      [0, 0],
      [540, 528],
    ]);
    expect(news.map(({ newKeys }) => newKeys.length)).toEqual([2, 0, 1, 0]);
  });

  it('forgets what a replica cached that fell far short of its prediction', async () => {
    const { acquire, pool } = make([replicaAt(1)]);
    const many = Array.from({ length: 4000 }, (_, at) => BigInt(at + 1));
    const first = await acquire(work(pool, many));
    first.accepted();
    first.ended({ kind: 'answered', usage: { promptTokens: 1_000_000, completionTokens: 0, cachedTokens: 0 } });
    const again = await acquire(work(pool, many));
    expect(again.predictedCachedTokens).toBe(1_000_000);
    again.ended({ kind: 'answered', usage: { promptTokens: 1_000_000, completionTokens: 0, cachedTokens: 16 } });
    expect((await acquire(work(pool, many))).predictedCachedTokens).toBeLessThan(900_000);
  });

  it('leaves out replicas that refuse connections or drain, and wakes those who wait', async () => {
    const { acquire, picker, pool, pools, replicas, health, load } = make();
    const slot = await acquire(work(pool, [1n]));
    slot.ended({ kind: 'failed', failure: 'connect' });
    slot[Symbol.dispose]();
    const other = replicas.find(({ replicaId }) => replicaId !== slot.replica.replicaId);
    for (const key of [2n, 3n]) expect((await acquire(work(pool, [key]))).replica).toBe(other);
    pools.put({ ...pool, replicas: replicas.map((one) => ({ ...one, state: 'draining' as const })) });
    picker.refresh();
    expect(picker.isServing(pool.pool)).toBe(false);
    const waiting = acquire(work(pool, [4n]));
    health.scraped(slot.replica.replicaId, 'healthy');
    pools.put(pool);
    picker.refresh();
    expect((await waiting).replica).toBe(slot.replica);
    expect(load().reduce((sum, one) => sum + one, 0)).toBe(3);
  });

  it('tells those who wait for an endpoint that it is deleted, and refuses who comes later, at once', async () => {
    const { acquire, picker, pool, pools, replicas } = make();
    pools.put({ ...pool, replicas: [] });
    picker.refresh();
    const waiting = expect(acquire(work(pool, [1n]))).rejects.toMatchObject({ code: 'model_not_found' });
    pools.put({ ...pool, deleting: true, replicas: replicas.map((one) => ({ ...one, state: 'draining' as const })) });
    picker.refresh();
    await waiting;
    await expect(acquire(work(pool, [2n]))).rejects.toMatchObject({ code: 'model_not_found', status: 404 });
    pools.put({ ...pool, replicas: [] });
    picker.refresh();
    const removed = expect(acquire(work(pool, [3n]))).rejects.toMatchObject({ code: 'model_not_found' });
    pools.remove(pool.pool);
    picker.refresh();
    await removed;
  });

  it('takes a probe to the replica that it names, also while that is proving, and to no other', async () => {
    const proving = replicaAt(3, 'proving');
    const { acquire, clock, pool, news } = make([replicaAt(1), proving]);
    const only = { only: proving.replicaId };
    const probe = await acquire(work(pool, [1n], only));
    expect(probe).toMatchObject({ reason: 'probe', replica: proving });
    probe.accepted();
    const lost = new Tried();
    lost.note(proving.replicaId, { kind: 'failed', failure: 'timeout' });
    const refused = expect(
      Promise.allSettled([acquire(work(pool, [1n], only), lost), acquire(work(pool, [1n], { only: 'unknown' }))]),
    ).resolves.toMatchObject([{ reason: { code: 'no_replica' } }, { reason: { code: 'no_replica' } }]);
    const slot = await acquire(work(pool, [1n]));
    expect(slot.replica).not.toBe(proving);
    slot.accepted();
    await clock.advance(limits.capacityTimeoutMs);
    await refused;
    expect(news).toHaveLength(1);
  });
});
