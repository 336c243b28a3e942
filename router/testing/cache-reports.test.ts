import { expect, it } from 'vitest';
import { replicaAt } from '#shared/testing/documents.ts';
import type { CacheNews } from '../replicas/cache-news.ts';
import type { ReplicaSignals } from '../replicas/replica-view.ts';
import { BrainLab } from './brain-lab.ts';

/** One replica whose document tells 1,000 tokens: four of the lab's blocks. */
async function make() {
  const { engine } = new BrainLab().pool;
  const lab = new BrainLab({ replicas: [replicaAt(1)], engine: { ...engine, kvTokens: 1000 } });
  const { brain, ...router } = lab.start('a');
  const [replica = replicaAt(1)] = lab.pool.replicas;
  const blocks = (): number => brain.blocksOn(replica.replicaId);
  const look = async (signals: ReplicaSignals, cache: CacheNews = {}): Promise<number> => {
    await lab.advance(1000);
    brain.scraped({ replica, startedAt: lab.clock.monotonic(), health: 'healthy', signals, cache });
    return blocks();
  };
  const keys = (count: number, from = 0): bigint[] => Array.from({ length: count }, (_, at) => BigInt(from + at + 1));
  return { lab, brain, router, look, keys, blocks };
}

it('a mirror is as large as the engine says, as soon as it does, and stays so when pools are told anew', async () => {
  const { lab, router, look, keys, blocks } = await make();
  await router.serve(lab.work(keys(10)));
  expect(blocks()).toBe(4);
  await look({ kvTokens: 2000 });
  await router.serve(lab.work(keys(10)));
  expect(blocks()).toBe(8);
  expect(await look({})).toBe(8);
  lab.change({ specRevision: 9 });
  expect(blocks()).toBe(8);
  expect(await look({ kvTokens: 500 })).toBe(2);
  lab.change({ replicas: lab.pool.replicas.map((one) => ({ ...one, restarts: 7 })) });
  await router.serve(lab.work(keys(10)));
  expect(blocks()).toBe(4);
});

it('what an engine does not hold any more is forgotten, the oldest first; what is being computed is not', async () => {
  const { lab, router, look, keys, blocks } = await make();
  await router.serve(lab.work(keys(2)));
  const slot = await router.acquire(lab.work(keys(2, 50)));
  slot.accepted();
  expect(await look({}, { heldTokens: 500 })).toBe(4);
  slot[Symbol.dispose]();
  expect(await look({}, { heldTokens: 500 })).toBe(2);
  expect((await router.acquire(lab.work(keys(3, 50)))).predictedCachedTokens).toBe(500);
  expect(await look({}, { clearedAgeMs: 100 })).toBe(0);
  await router.serve(lab.work(keys(2)));
  expect(await look({ processStart: 1 })).toBe(2);
  expect(await look({ processStart: 9 })).toBe(0);
  expect(blocks()).toBe(0);
});

it('a beginning that has more tokens than its bytes let expect says nothing of the size of a cache', async () => {
  const { lab, router, look, keys, blocks } = await make();
  await look({ kvTokens: 40_000 });
  const ask = async (round: number, cachedTokens: number): Promise<void> => {
    const usage = { promptTokens: 25_000, completionTokens: 0, cachedTokens };
    await router.serve(lab.work([...keys(10), ...keys(90, 1000 * round)]), { kind: 'answered', usage });
  };
  for (let round = 1; round <= 8; round++) await ask(round, 4500);
  expect(router.hits.at(-1)).toEqual([2500, 4500]);
  expect(blocks()).toBe(160);
  // Whoever comes back finds all of it, though the mirror has forgotten most.
  await ask(1, 25_000);
  await ask(9, 4500);
  expect(blocks()).toBeGreaterThan(160);
});

it('what is being computed stays in the index, whatever came since', async () => {
  const { lab, router, keys } = await make();
  using slot = await router.acquire(lab.work(keys(2)));
  slot.accepted();
  for (let other = 1; other <= 4; other++) {
    await lab.advance(6000);
    await router.serve(lab.work(keys(2, 100 * other)));
  }
  expect((await router.acquire(lab.work(keys(3)))).predictedCachedTokens).toBe(500);
});
