import { describe, expect, test } from 'vitest';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { labAnswerLimits } from '../testing/brain-lab.ts';
import { MemoryLedgerHub } from '../testing/memory-ledger-channel.ts';
import type { PromptKeys } from '../scan/prefix-hash.ts';
import { hashText } from '../scan/hash64.ts';
import { Brain, tickMs } from './brain.ts';
import type { Slot } from './picker.ts';

const never = new AbortController().signal;
const requestsInFlight = 60;
const turnsPerConversation = 10;
const warmUpMs = 60_000;
const endMs = 480_000;
/** 20,000 tokens that every prompt starts with. */
const commonBlocks = 80;
const blocksPerTurn = 4;
const blockBytes = 1024;
const meanServiceMs = 8000;
const meanThinkingMs = 8000;
/** Half of the users think while the other half waits for an answer. */
const userCount = requestsInFlight * (1 + meanThinkingMs / meanServiceMs);

interface Scenario {
  readonly replicas: number;
  readonly routers: number;
  readonly lagMs: number;
  readonly seed: number;
  readonly loss?: number;
  /** Clients that name their conversation. */
  readonly named?: boolean;
  /** Instead of `pick`. */
  readonly random?: boolean;
}

interface Outcome {
  /** Share of second and later turns that went where the turn before had gone. */
  readonly returned: number;
  /** Greatest share of requests of a replica, over the even one. */
  readonly requestShare: number;
  /** The same of time-averaged requests in flight. */
  readonly loadShare: number;
  readonly meanInFlight: number;
}

/** A brain as a router's service wires it, on the hub's clock. */
function createRouter(hub: MemoryLedgerHub, router: string, pool: PoolDocument) {
  const channel = hub.open(router);
  const now = (): number => hub.now();
  const nobodyWaits = (): never => {
    throw new Error('nobody waits here');
  };
  const clock: Clock = { now, monotonic: now, sleep: nobodyWaits, after: nobodyWaits };
  const limits = { inFlightMax: 1000, queueMax: 0, queueBytesMax: 0, turnTimeoutMs: 0, capacityTimeoutMs: 0 };
  const brain = new Brain({ router, epoch: 1, channel, limits, answerLimits: labAnswerLimits, clock });
  brain.setPools([pool]);
  return {
    tick: () => brain.tick(),
    async start(prompt: PromptKeys, { session, only }: { session?: string; only?: string }): Promise<Slot> {
      const named = session === undefined ? {} : { session };
      const chosen = only === undefined ? {} : { only };
      const work = { pool: pool.pool, flow: 'token', bytes: 0, prompt, maxTokens: 0, ...named, ...chosen };
      const slot = await brain.acquire(work, never);
      slot.accepted();
      return slot;
    },
  };
}

const common = BigUint64Array.from({ length: commonBlocks }, (_, i) => hashText(`common ${i}`, 0n));

/** The prompt of one turn: what everybody shares, then the conversation so far. */
function promptOf(conversation: string, turn: number): PromptKeys {
  const own = Array.from({ length: (turn + 1) * blocksPerTurn }, (_, i) => hashText(`${conversation} ${i}`, 0n));
  const keys = BigUint64Array.from([...common, ...own]);
  const bytesUpTo = Float64Array.from(keys, (_, i) => (i + 1) * blockBytes);
  return { keys, bytesUpTo, firstUserEnd: commonBlocks + 1 };
}

async function simulate(scenario: Scenario): Promise<Outcome> {
  const random = seededRandom(scenario.seed);
  const exponential = (mean: number): number => -Math.log(1 - random()) * mean;
  const one = <T>(of: readonly T[]): T => {
    const chosen = of[Math.floor(random() * of.length)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  };
  const replicas = Array.from({ length: scenario.replicas }, (_, i) => `replica-${i}`);
  const pool = poolDocument({ replicas: replicas.map((replicaId, i) => ({ ...replicaAt(i + 1), replicaId })) });
  const hub = new MemoryLedgerHub({ seed: scenario.seed, lagMs: scenario.lagMs, loss: scenario.loss ?? 0 });
  const routers = Array.from({ length: scenario.routers }, (_, i) => createRouter(hub, `router-${i}`, pool));

  const requests = new Map(replicas.map((id) => [id, 0]));
  const inFlight = new Map(replicas.map((id) => [id, 0]));
  const busyMs = new Map(replicas.map((id) => [id, 0]));
  let laterTurns = 0;
  let returned = 0;
  const add = (to: Map<string, number>, id: string, by: number): void => void to.set(id, (to.get(id) ?? 0) + by);

  let events: { at: number; act: () => void | Promise<void> }[] = [];
  const after = (ms: number, act: () => void | Promise<void>): void => void events.push({ at: hub.now() + ms, act });

  const turn = async (user: number, number: number, before?: string): Promise<void> => {
    if (hub.now() >= endMs) return;
    const conversation = `user ${user}, ${Math.floor(number / turnsPerConversation)}`;
    const prompt = promptOf(conversation, number % turnsPerConversation);
    const slot = await one(routers).start(prompt, {
      ...(scenario.random === true && { only: one(replicas) }),
      ...(scenario.named === true && { session: conversation }),
    });
    const replica = slot.replica.replicaId;
    add(requests, replica, 1);
    add(inFlight, replica, 1);
    if (number % turnsPerConversation > 0) {
      laterTurns++;
      if (replica === before) returned++;
    }
    after(meanServiceMs / 2 + exponential(meanServiceMs / 2), () => {
      slot[Symbol.dispose]();
      add(inFlight, replica, -1);
      after(exponential(meanThinkingMs), () => turn(user, number + 1, replica));
    });
  };
  for (let user = 0; user < userCount; user++) after(1000 + random() * meanServiceMs, () => turn(user, 0));
  const ticks = (): void => {
    for (const router of routers) router.tick();
    if (hub.now() < endMs) after(tickMs, ticks);
  };
  ticks();

  while (events.length > 0) {
    const at = events.reduce((least, event) => Math.min(least, event.at), Infinity);
    const measuredMs = Math.max(0, Math.min(at, endMs) - Math.max(hub.now(), warmUpMs));
    for (const id of replicas) add(busyMs, id, (inFlight.get(id) ?? 0) * measuredMs);
    hub.advance(at - hub.now());
    const due = events.filter((event) => event.at <= at);
    events = events.filter((event) => event.at > at);
    for (const { act } of due) await act();
  }
  const greatestShare = (of: Map<string, number>): number => {
    const sum = [...of.values()].reduce((total, value) => total + value, 0);
    return (Math.max(...of.values()) / sum) * of.size;
  };
  return {
    returned: returned / laterTurns,
    requestShare: greatestShare(requests),
    loadShare: greatestShare(busyMs),
    meanInFlight: [...busyMs.values()].reduce((total, value) => total + value, 0) / (endMs - warmUpMs),
  };
}

describe.each([2, 3, 4, 8])('placement on %i replicas, 60 in flight, one common prefix', (replicas) => {
  test.each([1, 2])(
    'one router (seed %i): conversations return, load is even, unlike with a random pick',
    async (seed) => {
      const outcome = await simulate({ replicas, routers: 1, lagMs: 5, seed });
      expect(outcome.meanInFlight).toBeGreaterThan(50);
      expect(outcome.returned).toBeGreaterThanOrEqual(0.95);
      expect(outcome.requestShare).toBeLessThanOrEqual(1.5);
      expect(outcome.loadShare).toBeLessThanOrEqual(1.5);
      const random = await simulate({ replicas, routers: 1, lagMs: 5, seed, random: true });
      expect(random.returned).toBeLessThan(1 / replicas + 0.1);
    },
  );

  test('four routers that hear each other after 50 ms do as well', async () => {
    const outcome = await simulate({ replicas, routers: 4, lagMs: 50, seed: 4 });
    expect(outcome.returned).toBeGreaterThanOrEqual(0.95);
    expect(outcome.requestShare).toBeLessThanOrEqual(1.5);
    expect(outcome.loadShare).toBeLessThanOrEqual(1.5);
  });
});

describe('placement on 8 replicas by four routers', () => {
  const scenario = { replicas: 8, routers: 4, lagMs: 50, seed: 5 };

  test('that lose one message in ten', async () => {
    const outcome = await simulate({ ...scenario, loss: 0.1 });
    expect(outcome.returned).toBeGreaterThanOrEqual(0.95);
    expect(outcome.loadShare).toBeLessThanOrEqual(1.5);
  });

  test.each([false, true])(
    'that do not hear each other: their fallback agrees (named conversations: %s)',
    async (named) => {
      const outcome = await simulate({ ...scenario, loss: 1, named });
      expect(outcome.returned).toBeGreaterThanOrEqual(0.85);
      expect(outcome.loadShare).toBeLessThanOrEqual(1.5);
    },
  );
});
