import { describe, expect, it } from 'vitest';
import type { Scraped } from '../pick/brain.ts';
import { BrainLab, type LabRouter } from './brain-lab.ts';

/** A router with two replicas of which one says that it is full, as far as that is believed. */
function withFullReplica(): {
  lab: BrainLab;
  router: LabRouter;
  full: string;
  look: (parts: Partial<Scraped>) => void;
} {
  const lab = new BrainLab();
  const router = lab.start('a');
  const [replica] = lab.pool.replicas;
  if (replica === undefined) throw new Error('the lab’s pool has replicas');
  const look = (parts: Partial<Scraped>): void =>
    router.brain.scraped({ replica, startedAt: lab.clock.monotonic(), health: 'healthy', signals: {}, ...parts });
  return { lab, router, full: replica.replicaId, look };
}

describe('figures of engines', () => {
  it('that are stale count no more: placement goes by the router’s own counts and never stops', async () => {
    const { lab, router, full, look } = withFullReplica();
    look({ signals: { running: 400, waiting: 90, kvUse: 1 } });
    const shown = (): unknown => JSON.parse(router.brain.describe()[`state:${full}`] ?? '{}');
    expect(shown()).toMatchObject({ running: 400, waiting: 90, kvUse: 1, unseen: 490 });
    const early = await Promise.all([1n, 2n, 3n, 4n].map((key) => router.serve(lab.work([key]))));
    expect(early.map(({ replica }) => replica.replicaId)).not.toContain(full);
    await lab.advance(3250);
    expect(shown()).toEqual({ condition: 'ready', inFlight: 0 });
    const slots = [];
    for (let key = 10n; key < 30n; key++) slots.push(await router.acquire(lab.work([key])));
    const there = slots.filter(({ replica }) => replica.replicaId === full).length;
    expect(there).toBeGreaterThanOrEqual(8);
    expect(there).toBeLessThanOrEqual(12);
    for (const slot of slots) slot[Symbol.dispose]();
  });

  it.each([
    ['another process', { signals: { processStart: 100 } }, { signals: { processStart: 200 } }],
    ['an emptied cache', { cache: { heldTokens: 16 } }, { cache: { clearedAgeMs: 10, heldTokens: 0 } }],
  ])('that tell of %s empty the index of that replica, once', async (_, before, after) => {
    const { lab, router, look } = withFullReplica();
    const slot = await router.serve(lab.work([1n, 2n]));
    const { replicaId } = slot.replica;
    const replica = lab.pool.replicas.find((each) => each.replicaId === replicaId);
    if (replica === undefined) throw new Error('a slot is on a replica of the pool');
    look({ replica, ...before });
    await lab.advance(1000);
    look({ replica, ...before });
    expect(router.brain.blocksOn(replicaId)).toBe(2);
    await lab.advance(1000);
    look({ replica, ...after });
    expect(router.brain.blocksOn(replicaId)).toBe(0);
    await router.serve(lab.work([1n, 2n]));
    const served = await router.serve(lab.work([3n]));
    const blocks = (): number[] => lab.pool.replicas.map((each) => router.brain.blocksOn(each.replicaId));
    const known = blocks();
    look({ replica, ...after });
    expect(blocks()).toEqual(known);
    expect(router.brain.blocksOn(served.replica.replicaId)).toBeGreaterThan(0);
  });
});
