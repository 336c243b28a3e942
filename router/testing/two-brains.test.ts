import { describe, expect, it } from 'vitest';
import { BrainLab } from './brain-lab.ts';

const conversation = (name: number, turns: number): bigint[] =>
  Array.from({ length: turns }, (_, turn) => BigInt(name * 1000 + turn + 1));

describe('two routers’ brains on a memory channel, without a socket', () => {
  it('spread the work as one would, and come back to each other’s conversations', async () => {
    const lab = new BrainLab();
    const [a, b] = [lab.start('a'), lab.start('b')];
    await lab.advance(1000);
    const routers = [a, b, a, b, a, b, a, b];
    const slots = [];
    for (const [i, router] of routers.entries()) {
      const slot = await router.acquire(lab.work(conversation(i, 1)));
      slot.accepted();
      slots.push(slot);
      await lab.advance(50);
    }
    const loads = lab.pool.replicas.map(({ replicaId }) => a.brain.table.load(replicaId, lab.clock.monotonic()));
    expect(loads.map(({ inFlight }) => inFlight)).toEqual([4, 4]);
    for (const [i, router] of routers.toReversed().entries()) {
      const before = slots[i];
      before?.[Symbol.dispose]();
      await lab.advance(50);
      const next = await router.acquire(lab.work(conversation(i, 3)));
      expect(next).toMatchObject({ reason: 'affinity', replica: before?.replica });
      next[Symbol.dispose]();
    }
    await lab.advance(50);
    expect(b.brain.figures().clusterInFlight).toBe(0);
  });

  it('one that joins late knows within 1 s what the others know, from one of them', async () => {
    const lab = new BrainLab();
    const [a, b] = [lab.start('a'), lab.start('b')];
    for (let i = 0; i < 40; i += 1) {
      await (i % 2 === 0 ? a : b).serve(lab.work(conversation(i, 30)));
      await lab.advance(30);
    }
    using _busy = await a.acquire(lab.work(conversation(99, 2)));
    await lab.advance(3000);
    const late = lab.start('c');
    await lab.advance(1000);
    expect(late.brain.figures()).toMatchObject({ prefixBlocks: a.brain.figures().prefixBlocks, clusterInFlight: 1 });
    for (let i = 0; i < 40; i += 1) {
      const [mine, theirs] = await Promise.all(
        [late, a].map((router) => router.acquire(lab.work(conversation(i, 31)))),
      );
      expect(mine).toMatchObject({ reason: 'affinity', predictedCachedTokens: theirs?.predictedCachedTokens });
      for (const slot of [mine, theirs]) slot?.[Symbol.dispose]();
    }
  });

  it('know a replica that comes later, whichever of them hears of it first', async () => {
    const lab = new BrainLab();
    const [a, b] = [lab.start('a'), lab.start('b')];
    await lab.advance(5000);
    const before = lab.pool;
    const fresh = new BrainLab().pool.replicas.slice(0, 1);
    lab.change({ replicas: fresh });
    a.brain.setPools([before]);
    await b.serve(lab.work(conversation(1, 20)));
    await lab.advance(100);
    expect(a.brain.figures().prefixBlocks).toBe(0);
    a.brain.setPools([lab.pool]);
    await lab.advance(1000);
    expect(a.brain.figures().prefixBlocks).toBe(20);
    expect((await a.acquire(lab.work(conversation(1, 21)))).reason).toBe('affinity');
  });

  it('one that is killed leaves no load behind after 3 s, and its conversations stay known', async () => {
    const lab = new BrainLab();
    const [a, b] = [lab.start('a'), lab.start('b')];
    await lab.advance(1000);
    for (let i = 0; i < 6; i += 1) (await a.acquire(lab.work(conversation(i, 2)))).accepted();
    await lab.advance(100);
    expect(b.brain.figures().clusterInFlight).toBe(6);
    await lab.kill(a);
    await lab.advance(2500);
    expect(b.brain.figures().clusterInFlight).toBe(6);
    await lab.advance(1000);
    expect(b.brain.figures().clusterInFlight).toBe(0);
    expect((await b.acquire(lab.work(conversation(3, 3)))).reason).toBe('affinity');
  });
});
