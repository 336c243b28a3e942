import { describe, expect, it } from 'vitest';
import { replicaAt } from '#shared/testing/documents.ts';
import { BrainLab, type LabRouter } from '../../testing/brain-lab.ts';
import { candidate, type ReplicaParts } from '../../testing/candidates.ts';
import { pick } from '../pick.ts';
import type { Slot, Work } from '../picker.ts';

/** A turn of a conversation whose first message ends with block 2, beside replicas that would take 4 s for it. */
function choose(rows: Record<string, Partial<ReplicaParts>>, asked: Partial<Work> = {}) {
  const prompt = {
    keys: BigUint64Array.from([1n, 2n, 3n, 4n, 5n]),
    bytesUpTo: Float64Array.from([1000, 2000, 3000, 4000, 5000]),
    firstUserEnd: 2,
  };
  const view = Object.entries(rows).map(([id, more]) => candidate({ newTokens: 1000, ownSeconds: 4, ...more, id }));
  return pick({ prompt, ...asked }, view);
}
const holds: Partial<ReplicaParts> = { matchedBlock: 4, cachedTokens: 60_000, newTokens: 100, ownSeconds: 0.1 };

describe('where a request costs least', () => {
  it.each<[string, Record<string, Partial<ReplicaParts>>, string, string]>([
    ['who has the conversation', { a: {}, b: holds }, 'b', 'affinity'],
    [
      'also behind much work: a cache is worth more',
      { a: {}, b: { ...holds, prefillSecondsLeft: 30 } },
      'b',
      'affinity',
    ],
    [
      'one whose cache is gone where it puts back nobody',
      { a: { newTokens: 90_000, warmShare: 0.6 }, b: { inFlight: 9 } },
      'b',
      'session',
    ],
    ['not behind any', { a: {}, b: { ...holds, prefillSecondsLeft: 200 } }, 'a', 'affinity_overloaded'],
    [
      'of two that have it the less loaded',
      { a: { ...holds, inFlight: 9 }, b: { ...holds, inFlight: 7 } },
      'b',
      'affinity',
    ],
    [
      'a short turn stays where the most of it is, not where a few requests fewer are under way',
      { a: { ...holds, matchedBlock: 2, ownSeconds: 0.002 }, b: { ...holds, ownSeconds: 0.001, inFlight: 2 } },
      'b',
      'affinity',
    ],
    ['nobody has it: the longest match', { a: { ownSeconds: 3.5, inFlight: 9 }, b: {} }, 'a', 'session'],
    ['equal matches: the least work', { a: { prefillSecondsLeft: 9 }, b: {} }, 'b', 'session'],
    ['what no router knows of is work', { a: { unseen: 9 }, b: { inFlight: 2 } }, 'b', 'session'],
    ['one that is slow', { a: { ownSeconds: 12 }, b: { inFlight: 9 } }, 'b', 'session'],
    ['a cache without room', { a: { kvUse: 0.999, inFlight: 1 }, b: { inFlight: 1, kvUse: 0.9 } }, 'b', 'session'],
    ['one that lacks the adapter', { a: { lacksAdapter: true }, b: { inFlight: 9 } }, 'b', 'session'],
  ])('%s', (_, rows, ...[replica, reason]) => {
    expect(choose(rows)).toMatchObject({ replica, reason });
  });

  it('loads an adapter beside the prompt, which is no longer for it', () => {
    const [has, lacks] = [false, true].map((lacksAdapter) => candidate({ ownSeconds: 0.02, lacksAdapter }).cost);
    expect([has?.own, lacks?.own]).toEqual([0.02, 0.02]);
    expect(lacks?.total).toBeGreaterThan((has?.total ?? 0) + 1);
  });

  it('shows what each candidate would cost, and nothing of what is unknown', () => {
    const scores = choose({ a: { prefillSecondsLeft: 2, inFlight: 1 }, b: { ...holds, kvUse: 0.5 } })?.scores.toJSON();
    expect(scores).toEqual([
      { replica: 'a', matchedBlock: -1, cachedTokens: 0, inFlight: 1, slowness: 1, cost: expect.anything() },
      { replica: 'b', matchedBlock: 4, cachedTokens: 60_000, inFlight: 0, slowness: 1, cost: expect.anything() },
    ]);
    expect(scores?.[0]?.cost).toMatchObject({ wait: 2, own: 4, pressure: 0 });
    expect(choose({ a: { ownSeconds: undefined }, b: holds })?.scores.toJSON()[0]?.cost).toBeUndefined();
  });
});

it('is found also among engines that answer at once, and that do not know their cache yet', async () => {
  const lab = new BrainLab();
  const router = lab.start('r');
  for (let user = 0n; user < 30n; user += 1n) {
    for (const replica of lab.pool.replicas) {
      const signals = { kvUse: 0.5, kvTokens: 0 };
      router.brain.scraped({ replica, startedAt: lab.clock.monotonic(), health: 'healthy', signals });
    }
    for (const reason of ['soonest', 'affinity']) {
      using slot = await router.acquire(lab.work([user + 1n], { streamed: true }));
      slot.accepted();
      slot.began();
      if (user > 8n) {
        expect(slot.reason).toBe(reason);
        expect(slot.scores.toJSON().every(({ cost }) => Number.isFinite(cost?.total))).toBe(true);
      }
    }
  }
});

/** A router that has learned its pool's pace from prompts of 100 blocks in 4 s. */
async function learned(lab: BrainLab, name: string): Promise<LabRouter> {
  const router = lab.start(name);
  for (let i = 0n; i < 9n; i += 1n) {
    using slot = await router.acquire(conversation(lab, 1_000_000n + i));
    await lab.advance(4000);
    slot.began();
    slot.ended({ kind: 'answered', usage: undefined });
  }
  return router;
}

/** The first turn of a conversation: 80 blocks that are everybody's, and 20 of its own. */
function conversation(lab: BrainLab, user: bigint): Work {
  const keys = Array.from({ length: 100 }, (_, at) => (at < 80 ? BigInt(at + 1) : 1000n * (user + 1n) + BigInt(at)));
  const work = lab.work(keys, { streamed: true });
  return { ...work, prompt: { ...work.prompt, firstUserEnd: 99 } };
}

describe('new conversations', () => {
  const replicas = Array.from({ length: 16 }, (_, at) => replicaAt(at + 1));

  it('are spread also in a pool that is nearly idle: no replica gets more than 1.3 times its share', async () => {
    const lab = new BrainLab({ replicas });
    const router = await learned(lab, 'r');
    const counts = new Map<string, number>();
    const reasons = new Set<string>();
    for (let user = 0n; user < 480n; user += 1n) {
      using slot = await router.acquire(conversation(lab, user));
      slot.accepted();
      counts.set(slot.replica.replicaId, (counts.get(slot.replica.replicaId) ?? 0) + 1);
      reasons.add(slot.reason);
    }
    expect([...reasons]).toEqual(['soonest']);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(1.3 * (480 / 16));
  });

  it('are not all sent to one replica by routers that see the same', async () => {
    const lab = new BrainLab({ replicas });
    const routers = [await learned(lab, 'a'), await learned(lab, 'b')];
    await lab.advance(1000);
    const slots: Slot[] = [];
    for (const router of routers)
      for (let user = 0n; user < 8n; user += 1n)
        slots.push(await router.acquire(conversation(lab, user + (router === routers[0] ? 0n : 100n))));
    const counts = Map.groupBy(slots, ({ replica }) => replica.replicaId);
    expect(Math.max(...counts.values().map(({ length }) => length))).toBeLessThanOrEqual(3);
  });
});
