import { describe, expect, test } from 'vitest';
import type { LedgerMessage } from '../ledger/ledger-message.ts';
import { MemoryLedgerHub } from '../ledger/memory-ledger-channel.ts';
import { PrefixSync } from '../ledger/prefix-sync.ts';
import { PrefixIndex } from '../replicas/prefix-index.ts';
import { ReplicaTable } from '../replicas/replica-table.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import type { PromptKeys } from '../scan/block-keys.ts';
import { hashText } from '../scan/hash64.ts';
import { pick } from './pick.ts';
import type { PickRequest } from './pick.ts';

const IN_FLIGHT = 60;
const TURNS = 10;
const WARM_UP_MS = 60_000;
const END_MS = 480_000;
/** 20,000 tokens that every prompt starts with. */
const COMMON_BLOCKS = 80;
const BLOCKS_PER_TURN = 4;
const BLOCK_BYTES = 1024;
const MEAN_SERVICE_MS = 8000;
const MEAN_THINKING_MS = 8000;
/** Half of the users think while the other half waits for an answer. */
const USERS = IN_FLIGHT * (1 + MEAN_THINKING_MS / MEAN_SERVICE_MS);

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

/** A router as its service wires it, without clients and upstreams. */
function createRouter(hub: MemoryLedgerHub, router: string, replicas: readonly string[]) {
  const channel = hub.open(router);
  const publish = (message: LedgerMessage): void => channel.publish(message);
  const table = new ReplicaTable({ router, epoch: 1 });
  const index = new PrefixIndex();
  index.setReplicas(new Map(replicas.map((id) => [id, 10_000 * BLOCK_BYTES])));
  const sync = new PrefixSync({ router, epoch: 1, index, publish, peers: (now) => table.peers(now) });
  channel.subscribe((message) => {
    if (message.kind === 'row') table.receive(message.row, hub.now());
    else sync.hear(message, hub.now());
  });
  const change = (replica: string, sign: 1 | -1): void => {
    table.change(replica, { inFlight: sign, prefillSecondsLeft: 0, privateContextTokens: 0, reservedOutputTokens: 0 });
    publish({ kind: 'row', from: router, row: table.row() });
  };
  return {
    place(prompt: PromptKeys, session?: string): string {
      table.setChannelUp(channel.up(), hub.now());
      const request: PickRequest = {
        prompt,
        matches: index.match(replicas, prompt.keys),
        ...(session === undefined ? {} : { session }),
      };
      sync.tick(hub.now(), channel.up());
      const standing = { condition: 'ready', doubt: 0 } as const;
      const view = replicas.map((id) => ({ id, ...standing, ...table.load(id, hub.now()) }));
      const picked = pick(request, view, hub.now());
      return 'replica' in picked ? picked.replica : '';
    },
    start(replica: string, prompt: PromptKeys): void {
      sync.announce(index.insert(replica, prompt));
      change(replica, 1);
    },
    end: (replica: string): void => change(replica, -1),
  };
}

const common = BigUint64Array.from({ length: COMMON_BLOCKS }, (_, i) => hashText(`common ${i}`, 0n));

/** The prompt of one turn: what everybody shares, then the conversation so far. */
function promptOf(conversation: string, turn: number): PromptKeys {
  const own = Array.from({ length: (turn + 1) * BLOCKS_PER_TURN }, (_, i) => hashText(`${conversation} ${i}`, 0n));
  const keys = BigUint64Array.from([...common, ...own]);
  const bytesUpTo = Float64Array.from(keys, (_, i) => (i + 1) * BLOCK_BYTES);
  return { keys, bytesUpTo, firstUserEnd: COMMON_BLOCKS + 1 };
}

function simulate(scenario: Scenario): Outcome {
  const random = seededRandom(scenario.seed);
  const exponential = (mean: number): number => -Math.log(1 - random()) * mean;
  const one = <T>(of: readonly T[]): T => {
    const chosen = of[Math.floor(random() * of.length)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  };
  const replicas = Array.from({ length: scenario.replicas }, (_, i) => `replica-${i}`);
  const hub = new MemoryLedgerHub({ seed: scenario.seed, lagMs: scenario.lagMs, loss: scenario.loss ?? 0 });
  const routers = Array.from({ length: scenario.routers }, (_, i) => createRouter(hub, `router-${i}`, replicas));

  const requests = new Map(replicas.map((id) => [id, 0]));
  const inFlight = new Map(replicas.map((id) => [id, 0]));
  const busyMs = new Map(replicas.map((id) => [id, 0]));
  let laterTurns = 0;
  let returned = 0;
  const add = (to: Map<string, number>, id: string, by: number): void => void to.set(id, (to.get(id) ?? 0) + by);

  let events: { at: number; act: () => void }[] = [];
  const after = (ms: number, act: () => void): void => void events.push({ at: hub.now() + ms, act });

  const turn = (user: number, number: number, before?: string): void => {
    if (hub.now() >= END_MS) return;
    const conversation = `user ${user}, ${Math.floor(number / TURNS)}`;
    const prompt = promptOf(conversation, number % TURNS);
    const router = one(routers);
    const replica =
      scenario.random === true
        ? one(replicas)
        : router.place(prompt, scenario.named === true ? conversation : undefined);
    router.start(replica, prompt);
    add(requests, replica, 1);
    add(inFlight, replica, 1);
    if (number % TURNS > 0) {
      laterTurns++;
      if (replica === before) returned++;
    }
    after(MEAN_SERVICE_MS / 2 + exponential(MEAN_SERVICE_MS / 2), () => {
      router.end(replica);
      add(inFlight, replica, -1);
      after(exponential(MEAN_THINKING_MS), () => turn(user, number + 1, replica));
    });
  };
  for (let user = 0; user < USERS; user++) after(1000 + random() * MEAN_SERVICE_MS, () => turn(user, 0));

  while (events.length > 0) {
    const at = events.reduce((least, event) => Math.min(least, event.at), Infinity);
    const measuredMs = Math.max(0, Math.min(at, END_MS) - Math.max(hub.now(), WARM_UP_MS));
    for (const id of replicas) add(busyMs, id, (inFlight.get(id) ?? 0) * measuredMs);
    hub.advance(at - hub.now());
    const due = events.filter((event) => event.at <= at);
    events = events.filter((event) => event.at > at);
    for (const { act } of due) act();
  }
  const greatestShare = (of: Map<string, number>): number => {
    const sum = [...of.values()].reduce((total, value) => total + value, 0);
    return (Math.max(...of.values()) / sum) * of.size;
  };
  return {
    returned: returned / laterTurns,
    requestShare: greatestShare(requests),
    loadShare: greatestShare(busyMs),
    meanInFlight: [...busyMs.values()].reduce((total, value) => total + value, 0) / (END_MS - WARM_UP_MS),
  };
}

describe.each([2, 3, 4, 8])('placement on %i replicas, 60 in flight, one common prefix', (replicas) => {
  test.each([1, 2])('one router (seed %i): conversations return, load is even, unlike with a random pick', (seed) => {
    const outcome = simulate({ replicas, routers: 1, lagMs: 5, seed });
    expect(outcome.meanInFlight).toBeGreaterThan(50);
    expect(outcome.returned).toBeGreaterThanOrEqual(0.95);
    expect(outcome.requestShare).toBeLessThanOrEqual(1.5);
    expect(outcome.loadShare).toBeLessThanOrEqual(1.5);
    const random = simulate({ replicas, routers: 1, lagMs: 5, seed, random: true });
    expect(random.returned).toBeLessThan(1 / replicas + 0.1);
  });

  test('four routers that hear each other after 50 ms do as well', () => {
    const outcome = simulate({ replicas, routers: 4, lagMs: 50, seed: 4 });
    expect(outcome.returned).toBeGreaterThanOrEqual(0.95);
    expect(outcome.requestShare).toBeLessThanOrEqual(1.5);
    expect(outcome.loadShare).toBeLessThanOrEqual(1.5);
  });
});

describe('placement on 8 replicas by four routers', () => {
  const scenario = { replicas: 8, routers: 4, lagMs: 50, seed: 5 };

  test('that lose one message in ten', () => {
    const outcome = simulate({ ...scenario, loss: 0.1 });
    expect(outcome.returned).toBeGreaterThanOrEqual(0.95);
    expect(outcome.loadShare).toBeLessThanOrEqual(1.5);
  });

  test.each([false, true])('that do not hear each other: their fallback agrees (named conversations: %s)', (named) => {
    const outcome = simulate({ ...scenario, loss: 1, named });
    expect(outcome.returned).toBeGreaterThanOrEqual(0.85);
    expect(outcome.loadShare).toBeLessThanOrEqual(1.5);
  });
});
