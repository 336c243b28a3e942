import type { PoolDocument } from '#shared/contract/replica.ts';
import { createTestClock, type TestClock } from '#shared/testing/test-clock.ts';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { MemoryLedgerHub, type MemoryLedgerChannel } from './memory-ledger-channel.ts';
import { Brain, tickMs, type BrainOptions } from '../pick/brain.ts';
import type { Slot, Work } from '../pick/picker.ts';
import type { Tried } from '../pick/tried.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';

const never = new AbortController().signal;

/** Bounds of the brains in the lab. */
export const labLimits = {
  inFlightMax: 1000,
  queueMax: 100,
  queueBytesMax: 100_000,
  turnTimeoutMs: 1000,
  capacityTimeoutMs: 500,
} as const;

/** Bounds of what they remember of answers. */
export const labAnswerLimits = { answersMax: 4, ttlMs: 60_000 } as const;

/** One router without clients and engines. */
export interface LabRouter {
  readonly brain: Brain;
  readonly channel: MemoryLedgerChannel;
  readonly hits: [predicted: number, reported: number][];
  acquire(work: Work, tried?: Tried): Promise<Slot>;
  /** A request from its begin to its end. */
  serve(work: Work, end?: SlotEnd, tried?: Tried): Promise<Slot>;
}

/** Routers' brains on one memory channel: no socket, and time moves when a test says so. */
export class BrainLab {
  readonly clock: TestClock = createTestClock(0);
  readonly hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
  readonly #routers = new Set<LabRouter>();
  readonly #paused = new Set<LabRouter>();
  pool: PoolDocument;

  constructor(parts: Partial<PoolDocument> = {}) {
    this.pool = poolDocument({ replicas: [replicaAt(1), replicaAt(2)], ...parts });
  }

  /** Starts a router that knows the pool. */
  start(router: string, more: Partial<Pick<BrainOptions, 'lateBinding' | 'limits'>> = {}): LabRouter {
    const channel = this.hub.open(router);
    const hits: [number, number][] = [];
    const epoch = this.clock.monotonic();
    const hitsKnown = (predicted: number, reported: number): void => void hits.push([predicted, reported]);
    const limits = { limits: labLimits, answerLimits: labAnswerLimits };
    const brain = new Brain({ router, epoch, channel, ...limits, clock: this.clock, hitsKnown, ...more });
    brain.setPools([this.pool]);
    const acquire = (work: Work, tried?: Tried): Promise<Slot> => brain.acquire(work, never, tried);
    const started: LabRouter = {
      brain,
      channel,
      hits,
      acquire,
      async serve(work, end = { kind: 'answered', usage: undefined }, tried) {
        using slot = await acquire(work, tried);
        if (end.kind === 'answered') slot.accepted();
        slot.ended(end);
        return slot;
      },
    };
    this.#routers.add(started);
    return started;
  }

  /** Ends a router as kill -9 would: nothing more is said. */
  async kill(router: LabRouter): Promise<void> {
    this.#routers.delete(router);
    this.#paused.delete(router);
    router.brain[Symbol.dispose]();
    await router.channel[Symbol.asyncDispose]();
  }

  /** A router's process stands still. */
  pause(router: LabRouter): void {
    this.#paused.add(router);
    router.channel.pause();
  }

  isPaused(router: LabRouter): boolean {
    return this.#paused.has(router);
  }

  /** It goes on: its timers first, then what its sockets hold. */
  resume(router: LabRouter): void {
    if (!this.#paused.delete(router)) return;
    router.brain.tick();
    router.channel.resume();
  }

  /** All routers learn that the pool has changed. */
  change(parts: Partial<PoolDocument>): void {
    this.pool = { ...this.pool, ...parts };
    for (const { brain } of this.#routers) brain.setPools([this.pool]);
  }

  /** Time passes for everybody. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= tickMs) {
      const step = Math.min(left, tickMs);
      await this.clock.advance(step);
      this.hub.advance(step);
      for (const router of this.#routers) if (!this.#paused.has(router)) router.brain.tick();
    }
  }

  /** A prompt of blocks of 1,000 bytes; the first one is the first user message. */
  work(keys: readonly bigint[], more: Partial<Work> = {}): Work {
    const bytesUpTo = Float64Array.from(keys, (_, at) => (at + 1) * 1000);
    const prompt = { keys: BigUint64Array.from(keys), bytesUpTo, firstUserEnd: 0 };
    return { pool: this.pool.pool, flow: 'token', bytes: 10, prompt, maxTokens: 10, ...more };
  }
}
