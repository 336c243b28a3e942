import { describe, expect, it } from 'vitest';
import { replicaAt } from '#shared/testing/documents.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { MemoryLedgerHub } from '../testing/memory-ledger-channel.ts';
import { BrainLab, labAnswerLimits, labLimits, type LabRouter } from '../testing/brain-lab.ts';
import type { ReplicaSignals } from '../replicas/replica-view.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { Brain, tickMs } from './brain.ts';
import { Tried } from './tried.ts';

const never = new AbortController().signal;
const answered = (promptTokens: number, completionTokens: number, cachedTokens: number): SlotEnd => ({
  kind: 'answered',
  usage: { promptTokens, completionTokens, cachedTokens },
});

function make(parts: ConstructorParameters<typeof BrainLab>[0] = {}) {
  const lab = new BrainLab(parts);
  const router = lab.start('r');
  const load = () => lab.pool.replicas.map(({ replicaId }) => router.brain.table.ownLoad(replicaId).inFlight);
  const conditions = () => Object.values(router.brain.describe()).map((text) => JSON.parse(text).condition);
  return { lab, router, load, conditions, replicas: lab.pool.replicas };
}

/** A look that found this, and that began just now. */
async function look(
  { lab, router: { brain } }: { lab: BrainLab; router: LabRouter },
  id: string | undefined,
  signals: ReplicaSignals = {},
): Promise<void> {
  await lab.advance(1);
  const startedAt = lab.clock.monotonic();
  await lab.advance(10);
  const replica = lab.pool.replicas.find(({ replicaId }) => replicaId === id);
  if (replica === undefined) throw new Error('a look at nobody');
  brain.scraped({ replica, startedAt, health: 'healthy', signals });
}

describe('slots', () => {
  it('are booked at once and given back once, whatever is called how often', async () => {
    const { lab, router, load } = make();
    const first = await router.acquire(lab.work([1n]));
    const second = await router.acquire(lab.work([2n]));
    expect(load()).toEqual([1, 1]);
    for (const slot of [first, first, second]) {
      slot.ended({ kind: 'left' });
      slot[Symbol.dispose]();
    }
    expect(load()).toEqual([0, 0]);
  });

  it('come back to the replica that has the conversation, and count its output as cached', async () => {
    const { lab, router } = make();
    const first = await router.serve(lab.work([1n, 2n]), answered(500, 40, 0));
    const next = await router.serve(lab.work([1n, 2n, 3n]), answered(760, 1, 528));
    expect(next).toMatchObject({ reason: 'affinity', replica: first.replica });
    expect(next.predictedCachedTokens).toBe(500 + 40);
    expect(router.hits).toEqual([
      [0, 0],
      [540, 528],
    ]);
  });

  it.each<SlotEnd>([{ kind: 'refused' }, { kind: 'faulted' }, { kind: 'left' }, { kind: 'failed', failure: 'reset' }])(
    'credit a replica with nothing that it did not take ($kind)',
    async (end) => {
      const { lab, router } = make({ replicas: [replicaAt(1)] });
      await router.serve(lab.work([1n, 2n, 3n, 4n, 5n, 6n]), end);
      expect(router.brain.figures().prefixBlocks).toBe(0);
      expect((await router.acquire(lab.work([1n, 2n, 3n]))).predictedCachedTokens).toBe(0);
    },
  );

  it('forget what a replica cached that fell far short of its prediction', async () => {
    const { lab, router } = make({ replicas: [replicaAt(1)] });
    const many = Array.from({ length: 3000 }, (_, at) => BigInt(at + 1));
    await router.serve(lab.work(many), answered(750_000, 0, 0));
    const again = await router.serve(lab.work(many), answered(750_000, 0, 16));
    expect(again.predictedCachedTokens).toBe(750_000);
    expect((await router.acquire(lab.work(many))).predictedCachedTokens).toBeLessThan(900_000);
  });

  it('know how much a cache holds as soon as tokens are known to be longer than was thought', async () => {
    const { lab, router } = make({ replicas: [replicaAt(1)] });
    const { kvTokens } = lab.pool.engine;
    const many = Array.from({ length: Math.round((kvTokens * 8) / 1000) }, (_, at) => BigInt(at + 1));
    await router.serve(lab.work(many.slice(0, 100)), answered(100_000 / 8, 0, 0));
    await router.serve(lab.work(many), answered(kvTokens, 0, 100_000 / 8));
    expect(router.brain.figures().prefixBlocks).toBe(many.length);
  });
});

describe('replicas', () => {
  it('that refuse connections or drain are left out, and who waits is told when they are back', async () => {
    const { lab, router, load, replicas } = make();
    const slot = await router.serve(lab.work([1n]), { kind: 'failed', failure: 'connect' });
    const other = replicas.find(({ replicaId }) => replicaId !== slot.replica.replicaId);
    for (const key of [2n, 3n]) expect((await router.acquire(lab.work([key]))).replica).toBe(other);
    lab.change({ replicas: replicas.map((one) => ({ ...one, state: 'draining' as const })) });
    expect(router.brain.isServing(lab.pool.pool)).toBe(false);
    const waiting = router.acquire(lab.work([4n]));
    lab.change({ replicas });
    expect((await waiting).replica).toBe(other);
    await look({ lab, router }, slot.replica.replicaId);
    expect((await router.acquire(lab.work([5n]))).replica).toBe(slot.replica);
    expect(load().reduce((sum, one) => sum + one, 0)).toBe(4);
  });

  it('a probe goes to the replica that it names, also while that is proving, and to no other', async () => {
    const proving = replicaAt(3, 'proving');
    const { lab, router } = make({ replicas: [replicaAt(1), proving] });
    const only = { only: proving.replicaId };
    expect(await router.serve(lab.work([1n], only))).toMatchObject({ reason: 'named', replica: proving });
    const lost = new Tried();
    lost.note(proving.replicaId, { kind: 'failed', failure: 'timeout' }, 0);
    const refused = expect(
      Promise.allSettled([
        router.acquire(lab.work([1n], only), lost),
        router.acquire(lab.work([1n], { only: 'unknown' })),
      ]),
    ).resolves.toMatchObject([{ reason: { code: 'no_replica' } }, { reason: { code: 'no_replica' } }]);
    expect((await router.acquire(lab.work([1n]))).replica).not.toBe(proving);
    await lab.advance(labLimits.capacityTimeoutMs);
    await refused;
    expect(router.brain.figures().prefixBlocks).toBe(0);
  });

  it('of an endpoint that is deleted are waited for by nobody', async () => {
    const { lab, router, replicas } = make({ replicas: [] });
    const waiting = expect(router.acquire(lab.work([1n]))).rejects.toMatchObject({ code: 'endpoint_not_active' });
    lab.change({ deleting: true, replicas: replicas.map((one) => ({ ...one, state: 'draining' as const })) });
    await waiting;
    await expect(router.acquire(lab.work([2n]))).rejects.toMatchObject({ code: 'endpoint_not_active', status: 409 });
    lab.change({ deleting: false });
    const removed = expect(router.acquire(lab.work([3n]))).rejects.toMatchObject({ code: 'model_not_found' });
    router.brain.setPools([]);
    await removed;
  });

  it('that say 503 or 429 are busy, not broken, however often', async () => {
    const { lab, router, conditions } = make();
    for (let i = 0; i < 40; i += 1) await router.serve(lab.work([BigInt(i)]), { kind: 'refused' });
    expect(conditions()).toEqual(['ready', 'ready']);
  });

  it('are not blamed for a request that two of them answer with 5xx; one alone is, when another takes it', async () => {
    const { lab, router, replicas, conditions } = make();
    for (let i = 0; i < 10; i += 1) {
      const tried = new Tried();
      for (const _ of replicas) await router.serve(lab.work([1n]), { kind: 'faulted' }, tried);
      await lab.advance(10);
    }
    expect(conditions()).toEqual(['ready', 'ready']);
    for (let i = 0; i < 3; i += 1) {
      const tried = new Tried();
      const request = lab.work([BigInt(10 + i)], { session: 's' });
      const bad = await router.serve(request, { kind: 'faulted' }, tried);
      const good = await router.serve(request, undefined, tried);
      expect(good.replica).not.toBe(bad.replica);
      await lab.advance(10);
    }
    expect(conditions()).toEqual(expect.arrayContaining(['ready', 'doubtful']));
    expect(router.brain.figures().replicasInDoubt).toBe(1);
  });

  it('all in doubt are still tried at once: the least bad one first', async () => {
    const { lab, router, replicas } = make();
    for (let i = 0; i < 6; i += 1) {
      await router.serve(lab.work([1n]), { kind: 'failed', failure: 'reset' });
      await lab.advance(10);
    }
    expect(router.brain.isServing(lab.pool.pool)).toBe(true);
    expect(replicas).toContain((await router.acquire(lab.work([2n]))).replica);
  });

  it('that answer nobody any more get no picks, and requests on them are told to go elsewhere', async () => {
    const { lab, router, replicas } = make();
    const slots = await Promise.all([1n, 2n].map((key) => router.acquire(lab.work([key]))));
    const moved: string[] = [];
    for (const [at, slot] of slots.entries()) slot.onMove((reason) => void moved.push(`${at} ${reason}`));
    for (const { replicaId } of replicas) await look({ lab, router }, replicaId);
    for (let second = 0; second < 2; second += 1) {
      expect(moved).toEqual([]);
      const startedAt = lab.clock.monotonic();
      await lab.advance(900);
      for (const replica of replicas) router.brain.scraped({ replica, startedAt, health: 'silent', signals: {} });
      slots[1]?.heard();
    }
    await lab.advance(250);
    expect(moved).toEqual(['0 stalled']);
    for (const key of [3n, 4n, 5n]) expect((await router.acquire(lab.work([key]))).replica).toBe(slots[1]?.replica);
  });

  it('that are gone or have moved are blamed for nothing that was met before', async () => {
    const { lab, router, replicas, conditions } = make({ replicas: [replicaAt(1)] });
    const slots = await Promise.all([1n, 2n].map((key) => router.acquire(lab.work([key]))));
    const moved = replicas.map((replica) => ({ ...replica, port: 9 }));
    lab.change({ replicas: moved });
    slots[0]?.ended({ kind: 'failed', failure: 'connect' });
    const [old] = replicas;
    const looked = { startedAt: lab.clock.monotonic(), health: 'refused', signals: {} } as const;
    if (old !== undefined) router.brain.scraped({ replica: old, ...looked });
    expect(conditions()).toEqual(['ready']);
    lab.change({ replicas: [] });
    slots[1]?.ended({ kind: 'failed', failure: 'unauthorized' });
    lab.change({ replicas: moved });
    expect(conditions()).toEqual(['ready']);
  });

  it('whose engine has restarted in its place are known to have lost their cache', async () => {
    const { lab, router, replicas } = make({ replicas: [{ ...replicaAt(1), restarts: 0 }] });
    await router.serve(lab.work([1n, 2n]));
    expect(router.brain.figures().prefixBlocks).toBe(2);
    lab.change({ replicas: replicas.map((replica) => ({ ...replica, restarts: 1 })) });
    expect(router.brain.figures().prefixBlocks).toBe(0);
    await router.serve(lab.work([1n, 2n]));
    lab.change({ specRevision: 9 });
    expect(router.brain.figures().prefixBlocks).toBe(2);
  });

  it('with more work than the routers know of count as busy', async () => {
    const { lab, router, replicas } = make();
    const first = await router.serve(lab.work([1n, 2n]));
    await look({ lab, router }, first.replica.replicaId, { running: 8, waiting: 60 });
    const next = await router.acquire(lab.work([1n, 2n, 3n]));
    expect([next.reason, next.replica]).toEqual(['affinity_overloaded', replicas.find((one) => one !== first.replica)]);
  });
});

describe('engines that go on without their client', () => {
  const engine = { ...new BrainLab().pool.engine, goesOnWithoutClient: true };

  it('count as busy until their own count says otherwise', async () => {
    const { lab, router, load } = make({ engine, replicas: [replicaAt(1)] });
    const [replica] = lab.pool.replicas;
    for (const key of [1n, 2n]) await router.serve(lab.work([key]), { kind: 'left' });
    await router.serve(lab.work([3n]));
    expect(load()).toEqual([2]);
    await lab.advance(1);
    await look({ lab, router }, replica?.replicaId, { running: 1, waiting: 1 });
    expect(load()).toEqual([2]);
    await look({ lab, router }, replica?.replicaId, { running: 1, waiting: 0 });
    expect(load()).toEqual([1]);
    await look({ lab, router }, replica?.replicaId, { running: 0 });
    expect(load()).toEqual([0]);
  });

  it('or for a bounded time, and hold no place of the process meanwhile', async () => {
    const { lab, router, load } = make({ engine, replicas: [replicaAt(1)] });
    await router.serve(lab.work([1n]), { kind: 'left' });
    expect([load(), router.brain.figures().inFlight]).toEqual([[1], 0]);
    await lab.advance(60_000);
    expect(load()).toEqual([0]);
  });

  it('others are free at once', async () => {
    const { lab, router, load } = make({ replicas: [replicaAt(1)] });
    await router.serve(lab.work([1n]), { kind: 'left' });
    expect(load()).toEqual([0]);
  });
});

describe('the brain', () => {
  it('ends the wait of a request whose client leaves', async () => {
    const { lab, router } = make({ replicas: [] });
    const gone = new AbortController();
    const waiting = expect(router.brain.acquire(lab.work([1n]), gone.signal)).rejects.toThrow('left');
    gone.abort(new Error('left'));
    await waiting;
    expect(router.brain.figures()).toMatchObject({ waiting: 0, inFlight: 0 });
    expect(never.aborted).toBe(false);
  });

  it('blames no replica for its own standstill', async () => {
    const { lab, router, replicas } = make();
    const slot = await router.acquire(lab.work([1n]));
    await lab.clock.advance(5000);
    router.brain.tick();
    slot.ended({ kind: 'failed', failure: 'connect' });
    slot[Symbol.dispose]();
    expect(router.brain.isServing(lab.pool.pool)).toBe(true);
    const places = await Promise.all([2n, 3n].map((key) => router.acquire(lab.work([key]))));
    expect(new Set(places.map(({ replica }) => replica))).toEqual(new Set(replicas));
  });
});

it('tells a time in which nothing of this process ran from one in which others were slow, before its next tick too', async () => {
  const clock = createTestClock(0);
  let lateMs = 0;
  const late = { ...clock, monotonic: () => clock.monotonic() + lateMs };
  const channel = new MemoryLedgerHub({ seed: 1, lagMs: 20 }).open('a');
  using brain = new Brain({
    router: 'a',
    epoch: 1,
    channel,
    limits: labLimits,
    answerLimits: labAnswerLimits,
    clock: late,
  });
  const pass = async (): Promise<void> => {
    for (let tick = 0; tick < 20; tick += 1) {
      await clock.advance(tickMs);
      brain.tick();
    }
  };
  const before = late.monotonic();
  await pass();
  expect(brain.stoodStillSince(before)).toBe(false);
  // No timer fires while the loop stands still: time has passed when the next one does.
  lateMs = 2000;
  expect(brain.stoodStillSince(before)).toBe(true);
  const after = late.monotonic() + 1;
  await pass();
  expect([brain.stoodStillSince(after), brain.stoodStillSince(before)]).toEqual([false, true]);
});
