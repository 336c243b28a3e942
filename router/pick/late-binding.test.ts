import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import { MemoryLedgerHub } from '../testing/memory-ledger-channel.ts';
import { Grants } from './wait/grants.ts';
import { LateBinding } from './wait/late-binding.ts';
import { noScores } from './pick-scores.ts';
import type { Slot, Work } from './picker.ts';
import type { Placer } from './placer.ts';
import { PoolWait } from './pool-wait.ts';
import { BookedSlot } from './slot.ts';

const never = new AbortController().signal;
const prompt = { keys: new BigUint64Array(), bytesUpTo: new Float64Array(), firstUserEnd: -1 };
const limits = { inFlightMax: 100, queueMax: 100, queueBytesMax: 1e6, turnTimeoutMs: 30_000, capacityTimeoutMs: 500 };
/** After which a router sees what another one has booked. */
const rowLagMs = 20;

interface Booked {
  readonly replica: string;
  readonly router: string;
  readonly at: number;
  readonly until: number;
}

/** Routers that share replicas, each named by the request's session; its `bytes` are milliseconds of prefill. */
class Fleet {
  readonly clock = createTestClock(0);
  readonly hub: MemoryLedgerHub;
  readonly replicas = new Map(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name, at) => [name, replicaAt(at + 1)]));
  readonly booked: Booked[] = [];
  readonly order: string[] = [];
  readonly work = new Map<string, number>();
  readonly routers: { name: string; wait: PoolWait; grants: Grants; isUp: boolean }[] = [];
  messages = 0;
  looks = 0;

  constructor(names: readonly string[], faults: Partial<ConstructorParameters<typeof MemoryLedgerHub>[0]> = {}) {
    this.hub = new MemoryLedgerHub({ seed: 1, lagMs: 5, ...faults });
    for (const name of names) this.#start(name, names);
  }

  #start(name: string, names: readonly string[]): void {
    const { clock } = this;
    const channel = this.hub.open(name);
    const grants = new Grants({
      router: name,
      epoch: 1,
      publish: (message) => {
        this.messages += 1;
        channel.publish(message);
      },
      channelUp: () => channel.up(),
      peers: () => names.filter((other) => other !== name).map((router) => ({ router, epoch: 1 })),
    });
    const waits = (): Map<string, number> => this.#waitsFor(name);
    const late = new LateBinding({ waits, workOf: (flow) => this.work.get(flow) ?? 0, grants, clock });
    const place: Placer['place'] = (work, { gate }) => {
      this.looks += 1;
      const replica = work.session ?? '';
      const seconds = work.bytes / 1000;
      const wait = (waits().get(replica) ?? 0) + (gate?.ahead(replica) ?? 0);
      if (gate?.opens({ replica, wait, own: seconds }) === false) return undefined;
      const at = clock.monotonic();
      this.booked.push({ replica, router: name, at, until: at + work.bytes });
      const known = this.replicas.get(replica) ?? replicaAt(9);
      const slot = { replica: known, reason: 'only', scores: noScores, predictedCachedTokens: 0 };
      return new BookedSlot(slot, { ended: () => {}, release: () => own.released(work.pool) });
    };
    const placer: Placer = { stateOf: () => 'serving', startOf: () => undefined, place };
    const own: PoolWait = new PoolWait(placer, limits, { clock, late });
    const router = { name, wait: own, grants, isUp: true };
    channel.subscribe((message) => {
      if (!router.isUp) return;
      grants.hear(message, clock.monotonic());
      own.looked();
    });
    this.routers.push(router);
  }

  /** What a router sees: its own bookings at once, those of others when their rows have come. */
  #waitsFor(router: string): Map<string, number> {
    const now = this.clock.monotonic();
    const seen = this.booked.filter((one) => one.router === router || now >= one.at + rowLagMs);
    const left = (name: string): number =>
      seen.filter(({ replica }) => replica === name).reduce((sum, { until }) => sum + Math.max(0, until - now), 0);
    return new Map([...this.replicas.keys()].map((name) => [name, left(name) / 1000]));
  }

  async send(
    name: string,
    ms: number,
    { at = 0, replica = 'a', ...more }: Partial<Work> & { at?: number; replica?: string } = {},
  ): Promise<Slot> {
    const work = { pool: 'p', flow: 'f', bytes: ms, prompt, maxTokens: 0, session: replica, ...more };
    const slot = await (this.routers[at] as { wait: PoolWait }).wait.acquire(work, never);
    this.order.push(name);
    return slot;
  }

  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5) {
      await this.clock.advance(5);
      this.hub.advance(5);
      await this.clock.advance(0);
    }
  }

  /** Longest time that one replica had two prompts at once, and that it had none while some waited, milliseconds. */
  gaps(replica = 'a'): { overlap: number; idle: number } {
    const mine = this.booked.filter((one) => one.replica === replica).toSorted((x, y) => x.at - y.at);
    const between = mine.slice(1).map(({ at }, i) => at - (mine[i]?.until ?? 0));
    return { overlap: -Math.min(0, ...between), idle: Math.max(0, ...between) };
  }
}

describe('a request whose replica', () => {
  it('is free goes at once, and tells nobody', async () => {
    const fleet = new Fleet(['x', 'y']);
    await fleet.advance(1000);
    for (const at of [0, 1]) for (const replica of ['a', 'b', 'c']) await fleet.send('one', 20, { at, replica });
    expect([fleet.order.length, fleet.messages]).toEqual([6, 0]);
  });

  it('computes others waits in the router: short turns first, and slow ageing brings long ones forward', async () => {
    const fleet = new Fleet(['x']);
    void fleet.send('first', 900);
    for (const [name, ms] of [
      ['long', 800],
      ['middle', 500],
      ['short', 200],
    ] as const)
      void fleet.send(name, ms);
    await fleet.advance(700);
    expect([fleet.order, fleet.routers[0]?.wait.heldForSlot]).toEqual([['first'], 3]);
    await fleet.advance(2000);
    expect(fleet.order).toEqual(['first', 'short', 'middle', 'long']);
    expect(fleet.gaps().overlap).toBeLessThanOrEqual(100);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(20);
  });

  it('goes by class of priority, and after a flow that has had less', async () => {
    const fleet = new Fleet(['x']);
    fleet.work.set('flood', 1_000_000).set('small', 50_000);
    void fleet.send('first', 500);
    void fleet.send('flood', 200, { flow: 'flood' });
    void fleet.send('low', 200, { flow: 'small', priority: 'low' });
    void fleet.send('small', 400, { flow: 'small' });
    await fleet.advance(3000);
    expect(fleet.order).toEqual(['first', 'small', 'low', 'flood']);
  });

  it('leaves hot turns room: one of eight replicas computes a cold prompt at a time', async () => {
    const fleet = new Fleet(['x']);
    const cold = ['a', 'b', 'c'].map((replica) => fleet.send(`cold ${replica}`, 3000, { replica }));
    await fleet.advance(100);
    void fleet.send('hot b', 200, { replica: 'b' });
    await fleet.advance(100);
    expect(fleet.order).toEqual(['cold a', 'hot b']);
    await fleet.advance(9000);
    await Promise.all(cold);
  });

  it('is one of many that are looked at again, and a pass looks at 32 of them at most', async () => {
    const fleet = new Fleet(['x']);
    for (const replica of fleet.replicas.keys()) void fleet.send('first', 990, { replica });
    for (let i = 0; i < 70; i += 1) void fleet.send('held', 100, { replica: 'a' });
    await fleet.advance(500);
    let [all, most] = [0, 0];
    for (let at = 0; at < 350; at += 5) {
      fleet.looks = 0;
      await fleet.advance(5);
      all += fleet.looks;
      most = Math.max(most, fleet.looks);
    }
    expect(most).toBe(32);
    expect(all).toBeGreaterThanOrEqual(70);
  });

  it('would not come to it in time is refused at once, and told when to come again', async () => {
    const fleet = new Fleet(['x']);
    for (let i = 0; i < 30; i += 1) void fleet.send('one', 9000).catch(() => {});
    await expect(fleet.send('late', 10_000)).rejects.toMatchObject({
      code: 'overloaded',
      retryAfterMs: expect.any(Number),
    });
    expect(fleet.routers[0]?.wait.shed).toBeGreaterThan(0);
  });
});

const crowd = async (fleet: Fleet, count = 40): Promise<void> => {
  await fleet.advance(1000);
  for (let i = 0; i < count; i += 1) void fleet.send(`${i}`, 200, { at: i % fleet.routers.length });
  await fleet.advance(count * 260);
};

describe('a slot that several routers want', () => {
  it('goes to one at a time, the best of all', async () => {
    const fleet = new Fleet(['x', 'y', 'z']);
    await crowd(fleet);
    expect(fleet.order).toHaveLength(40);
    expect(fleet.gaps().overlap).toBeLessThanOrEqual(200);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(40);
    expect(fleet.routers.reduce((sum, { grants }) => sum + grants.counts.given, 0)).toBeGreaterThan(10);
  });

  it('is granted for a cold prompt by one router for all replicas, so that one at a time is computed', async () => {
    const fleet = new Fleet(['x', 'y', 'z']);
    await fleet.advance(1000);
    const names = [...fleet.replicas.keys()];
    for (const [at, replica] of names.entries()) void fleet.send(replica, 3000, { at: at % 3, replica });
    await fleet.advance(18_000);
    const begins = fleet.booked.map(({ at }) => at);
    expect(begins).toHaveLength(names.length);
    // What is left of it is no longer cold in its last second.
    const between = begins.slice(1).map((at, i) => at - (begins[i] ?? 0));
    expect(Math.min(...between)).toBeGreaterThanOrEqual(2000);
    expect(Math.max(...between)).toBeLessThanOrEqual(2100);
  });

  it.each([
    ['lost', { loss: 0.3 }],
    ['doubled and overtaken', { duplication: 0.5, jitterMs: 30 }],
    ['late', { lagMs: 30 }],
  ])('is never blocked or doubled for long when messages are %s', async (_what, faults) => {
    const fleet = new Fleet(['x', 'y', 'z'], faults);
    await crowd(fleet);
    expect(fleet.order).toHaveLength(40);
    expect(fleet.gaps().overlap).toBeLessThanOrEqual(400);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(80);
  });

  it('is taken after a moment when the router that grants it is dead or paused', async () => {
    const fleet = new Fleet(['x', 'y', 'z']);
    await fleet.advance(1000);
    const granter = fleet.routers[0]?.grants.granterOf('a', fleet.clock.monotonic());
    const others = fleet.routers.filter(({ name }) => name !== granter);
    for (const router of fleet.routers) if (router.name === granter) router.isUp = false;
    for (let i = 0; i < 20; i += 1)
      void fleet.send(`${i}`, 200, { at: fleet.routers.indexOf(others[i % 2] ?? (others[0] as never)) });
    await fleet.advance(5500);
    expect(fleet.order).toHaveLength(20);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(60);
    expect(others.reduce((sum, { grants }) => sum + grants.counts.lost, 0)).toBeGreaterThan(0);
  });
});
