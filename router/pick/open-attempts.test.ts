import { describe, expect, it } from 'vitest';
import { replicaAt } from '#shared/testing/documents.ts';
import type { ReplicaSignals } from '../replicas/replica-view.ts';
import { BrainLab } from '../testing/brain-lab.ts';
import type { Slot, Work } from './picker.ts';
import { Tried } from './tried.ts';

/** Two replicas whose pool is known to take 10 s for 100 blocks, and what their attempts are told. */
async function make({ learned = true } = {}) {
  const lab = new BrainLab();
  const router = lab.start('r', { lateBinding: false });
  const { brain } = router;
  const moved: string[] = [];
  const nameOf = (slot: Slot): string => (slot.replica === lab.pool.replicas[0] ? 'a' : 'b');
  let prompts = 0n;
  const send = async (tried = new Tried(), more: Partial<Work> = {}): Promise<Slot> => {
    prompts += 1000n;
    const keys = Array.from({ length: 100 }, (_, at) => prompts + BigInt(at));
    const { prompt, ...work } = lab.work(keys, { streamed: true, ...more });
    const slot = await router.acquire({ ...work, prompt: { ...prompt, firstUserEnd: 99 } }, tried);
    slot.onMove((reason) => {
      moved.push(`${nameOf(slot)} ${reason}`);
      slot.ended({ kind: 'left' });
      slot[Symbol.dispose]();
    });
    return slot;
  };
  const serve = async (seconds: number): Promise<void> => {
    using slot = await send();
    await lab.advance(seconds * 1000);
    slot.began();
    slot.ended({ kind: 'answered', usage: undefined });
  };
  const look = (slot: Slot, signals: ReplicaSignals): void =>
    brain.scraped({ replica: slot.replica, startedAt: lab.clock.monotonic(), health: 'healthy', signals });
  const prefill = (): number[] =>
    lab.pool.replicas.map(({ replicaId }) => brain.table.ownLoad(replicaId).prefillSecondsLeft);
  if (learned) for (let i = 0; i < 8; i += 1) await serve(10);
  return { lab, brain, send, serve, look, moved, prefill };
}

describe('a first content that is late', () => {
  it('moves its request, and is held against nobody', async () => {
    const { lab, brain, send, moved } = await make();
    const tried = new Tried();
    const slot = await send(tried);
    await lab.advance(29_750);
    expect(moved).toEqual([]);
    await lab.advance(250);
    expect(moved).toHaveLength(1);
    expect(Object.values(brain.describe()).map((text) => JSON.parse(text).condition)).toEqual(['ready', 'ready']);
    const next = await send(tried);
    expect(next.replica).not.toBe(slot.replica);
    await lab.advance(600_000);
    expect(moved).toHaveLength(1);
  });

  it('moves off a replica that its pool does not name any more', async () => {
    const { lab, send, moved } = await make();
    const slot = await send();
    lab.change({ replicas: lab.pool.replicas.filter((one) => one !== slot.replica) });
    await lab.advance(30_000);
    expect(moved).toHaveLength(1);
  });

  it('is never early: three seconds are none for any prompt', async () => {
    const { lab, send, moved, serve } = await make({ learned: false });
    for (let i = 0; i < 20; i += 1) await serve(0.01);
    await send();
    await lab.advance(2750);
    expect(moved).toEqual([]);
    await lab.advance(250);
    expect(moved).toHaveLength(1);
  });

  it('is unknown while the pace of the pool is', async () => {
    const { lab, send, moved } = await make({ learned: false });
    await send();
    await lab.advance(300_000);
    expect(moved).toEqual([]);
  });

  it('is none behind others on the same replica', async () => {
    const { lab, send, moved, prefill } = await make();
    const slots = [await send(), await send(), await send(), await send()];
    expect(prefill().map(Math.round)).toEqual([20, 20]);
    await lab.advance(55_000);
    expect(moved).toEqual([]);
    for (const slot of slots) slot.began();
    expect(prefill()).toEqual([0, 0]);
    await lab.advance(55_000);
    expect(moved).toEqual([]);
  });

  it('is none while the engine tells of a queue and speaks; a queue that stands still is no excuse', async () => {
    const { lab, send, look, moved } = await make();
    const slot = await send();
    for (let second = 0; second < 60; second += 1) {
      look(slot, { running: 1, waiting: 3 });
      slot.heard();
      await lab.advance(1000);
    }
    expect(moved).toEqual([]);
    look(slot, { running: 1, waiting: 3 });
    await lab.advance(2500);
    expect(moved).toHaveLength(1);
  });

  it('moves nobody when all are slow', async () => {
    const { lab, send, moved } = await make();
    for (let i = 0; i < 6; i += 1) await send();
    await lab.advance(600_000);
    expect(moved).toEqual([]);
  });

  it('moves to one that was on time since, busy or not', async () => {
    const { lab, send, moved } = await make();
    const sent = [await send(), await send(), await send()];
    const ill = sent[2]?.replica;
    const well = sent.find(({ replica }) => replica !== ill);
    if (well === undefined) throw new Error('two replicas');
    await lab.advance(10_000);
    well.began();
    well[Symbol.dispose]();
    await lab.advance(45_000);
    expect((await send()).replica).toBe(well.replica);
    await lab.advance(6000);
    expect(moved).toEqual(Array.from({ length: 2 }, () => `${ill === lab.pool.replicas[0] ? 'a' : 'b'} late`));
  });

  it('does not move to one that was on time before, and is late since', async () => {
    const { lab, send, moved } = await make();
    const before = await send();
    await lab.advance(1000);
    await send();
    before.began();
    before[Symbol.dispose]();
    await lab.advance(1000);
    await send();
    await lab.advance(600_000);
    expect(moved).toEqual([]);
  });

  it('is measured by the whole prompt where the cache may have been lost', async () => {
    const { lab, brain, moved } = await make();
    const keys = Array.from({ length: 100 }, (_, at) => BigInt(at + 1));
    const known = await brain.acquire(lab.work(keys, { streamed: true }), new AbortController().signal);
    known.accepted();
    known.began();
    known[Symbol.dispose]();
    const again = await brain.acquire(lab.work(keys, { streamed: true }), new AbortController().signal);
    again.onMove((reason) => void moved.push(reason));
    expect(again.replica).toBe(known.replica);
    await lab.advance(9000);
    expect(moved).toEqual([]);
    await lab.advance(1000);
    expect(moved).toEqual(['late']);
  });

  it('is unknown of a whole answer, whose prompt counts as work for as long as it should take', async () => {
    const { lab, send, moved, prefill } = await make();
    await send(new Tried(), { streamed: false });
    expect(Math.max(...prefill())).toBeCloseTo(10);
    await lab.advance(10_000);
    expect(prefill()).toEqual([0, 0]);
    await lab.advance(600_000);
    expect(moved).toEqual([]);
  });
});

describe('a replica that has stalled', () => {
  it('keeps its requests while nobody else can take them, for a bounded time', async () => {
    const { lab, brain, send, moved } = await make();
    const [first, second] = lab.pool.replicas;
    if (first === undefined || second === undefined) throw new Error('two replicas');
    const silent = (): void => {
      const startedAt = lab.clock.monotonic() - 900;
      brain.scraped({ replica: first, startedAt, health: 'silent', signals: {} });
    };
    lab.change({ replicas: [first] });
    brain.scraped({ replica: first, startedAt: lab.clock.monotonic(), health: 'healthy', signals: {} });
    await send();
    for (let look = 0; look < 3; look += 1) {
      await lab.advance(1000);
      silent();
    }
    await lab.advance(20_000);
    expect(moved).toEqual([]);
    lab.change({ replicas: [first, replicaAt(7)] });
    await lab.advance(250);
    expect(moved).toEqual(['a stalled']);
    lab.change({ replicas: [first] });
    brain.scraped({ replica: first, startedAt: lab.clock.monotonic(), health: 'healthy', signals: {} });
    await send();
    for (let look = 0; look < 3; look += 1) {
      await lab.advance(1000);
      silent();
    }
    await lab.advance(30_250);
    expect(moved).toEqual(['a stalled', 'a stalled']);
  });
});

describe('the oldest attempt on a replica', () => {
  it('is the one that began first, whatever began to answer, until it is released', async () => {
    const { lab, brain, send } = await make();
    const oldest = () => lab.pool.replicas.map(({ replicaId }) => brain.oldestOn(replicaId));
    expect(oldest()).toEqual([undefined, undefined]);
    const at = lab.clock.monotonic();
    const only = lab.pool.replicas[0]?.replicaId ?? '';
    const first = await send(undefined, { only });
    await lab.advance(1000);
    const second = await send(undefined, { only });
    second.began();
    expect(oldest()).toEqual([at, undefined]);
    first[Symbol.dispose]();
    expect(oldest()).toEqual([at + 1000, undefined]);
    second[Symbol.dispose]();
    expect(oldest()).toEqual([undefined, undefined]);
  });
});
