import { describe, expect, it } from 'vitest';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { PoolDirectory } from '../edge/pool-directory.ts';
import { PrefixIndex, type PrefixNews } from '../replicas/prefix-index.ts';
import { ReplicaTable } from '../replicas/replica-table.ts';
import { ReplicaHealth } from '../replicas/replica-health.ts';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import type { Work } from './picker.ts';
import { ReplicaPlacement } from './replica-picker.ts';
import { TokenWeights } from './bytes-per-token.ts';

const none: ReadonlySet<string> = new Set();

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
  const placement = new ReplicaPlacement({
    pools,
    table,
    index,
    health,
    weights: new TokenWeights(),
    clock,
    rowChanged: () => (rows += 1),
    announce: (one) => news.push(one),
    hitsKnown: (predicted, reported) => hits.push([predicted, reported]),
  });
  placement.refresh();
  const load = () => replicas.map(({ replicaId }) => table.ownLoad(replicaId).inFlight);
  return { clock, pools, pool, placement, health, news, hits, load, replicas, rows: () => rows };
}

/** A prompt of blocks of 1,000 bytes; the first one is the first user message. */
function work(pool: PoolDocument, keys: readonly bigint[], more: Partial<Work> = {}): Work {
  const bytesUpTo = Float64Array.from(keys, (_, at) => (at + 1) * 1000);
  return {
    pool: pool.pool,
    prompt: { keys: BigUint64Array.from(keys), bytesUpTo, firstUserEnd: 0 },
    maxTokens: 10,
    ...more,
  };
}

describe('placement', () => {
  it('books at once and gives back once, whatever is called how often', () => {
    const { placement, pool, load, rows } = make();
    const first = placement.place(work(pool, [1n]), none);
    const second = placement.place(work(pool, [2n]), none);
    expect(load()).toEqual([1, 1]);
    for (const slot of [first, first, second]) {
      slot?.ended({ kind: 'left' });
      slot?.[Symbol.dispose]();
    }
    expect(load()).toEqual([0, 0]);
    expect(rows()).toBe(4);
  });

  it('comes back to the replica that has the conversation, and counts its output as cached', () => {
    const { placement, pool, news, hits } = make();
    const first = placement.place(work(pool, [1n, 2n]), none);
    first?.ended({ kind: 'answered', usage: { promptTokens: 500, completionTokens: 40, cachedTokens: 0 } });
    first?.[Symbol.dispose]();
    const next = placement.place(work(pool, [1n, 2n, 3n]), none);
    expect(next).toMatchObject({ reason: 'affinity', replica: first?.replica });
    expect(next?.predictedCachedTokens).toBe(500 + 40);
    next?.ended({ kind: 'answered', usage: { promptTokens: 760, completionTokens: 1, cachedTokens: 528 } });
    expect(hits).toEqual([
      [0, 0],
      [540, 528],
    ]);
    expect(news.map(({ newKeys }) => newKeys.length)).toEqual([2, 0, 1, 0]);
  });

  it('forgets what a replica cached that fell far short of its prediction', () => {
    const { placement, pool } = make([replicaAt(1)]);
    const many = Array.from({ length: 4000 }, (_, at) => BigInt(at + 1));
    const first = placement.place(work(pool, many), none);
    first?.ended({ kind: 'answered', usage: { promptTokens: 1_000_000, completionTokens: 0, cachedTokens: 0 } });
    const again = placement.place(work(pool, many), none);
    expect(again?.predictedCachedTokens).toBe(1_000_000);
    again?.ended({ kind: 'answered', usage: { promptTokens: 1_000_000, completionTokens: 0, cachedTokens: 16 } });
    expect(placement.place(work(pool, many), none)?.predictedCachedTokens).toBeLessThan(900_000);
  });

  it('leaves out replicas that refuse connections or drain, and wakes those who wait', async () => {
    const { placement, pool, pools, replicas, health, load } = make();
    const slot = placement.place(work(pool, [1n]), none);
    slot?.ended({ kind: 'failed', failure: 'connect' });
    slot?.[Symbol.dispose]();
    const other = replicas.find(({ replicaId }) => replicaId !== slot?.replica.replicaId);
    for (const key of [2n, 3n]) expect(placement.place(work(pool, [key]), none)?.replica).toBe(other);
    pools.put({ ...pool, replicas: replicas.map((one) => ({ ...one, state: 'draining' as const })) });
    placement.refresh();
    expect(placement.place(work(pool, [4n]), none)).toBeUndefined();
    const woken = placement.changed(1e9, new AbortController().signal);
    health.scraped(slot?.replica.replicaId ?? '', 'healthy');
    pools.put(pool);
    placement.refresh();
    await woken;
    expect(placement.place(work(pool, [5n]), none)?.replica).toBe(slot?.replica);
    expect(load().reduce((sum, one) => sum + one, 0)).toBe(3);
  });

  it('takes a probe to the replica that it names, also while that is proving, and to no other', () => {
    const proving = replicaAt(3, 'proving');
    const { placement, pool, news } = make([replicaAt(1), proving]);
    const only = { only: proving.replicaId };
    expect(placement.place(work(pool, [1n], only), none)).toMatchObject({ reason: 'probe', replica: proving });
    expect(placement.place(work(pool, [1n], only), new Set([proving.replicaId]))).toBeUndefined();
    expect(placement.place(work(pool, [1n], { only: 'unknown' }), none)).toBeUndefined();
    expect(placement.place(work(pool, [1n]), none)?.replica).not.toBe(proving);
    expect(news).toHaveLength(1);
  });
});
