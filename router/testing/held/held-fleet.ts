import { createTestClock } from '#shared/testing/test-clock.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import type { Slot, Work } from '../../pick/picker.ts';
import type { Placer } from '../../pick/placer.ts';
import { noScores } from '../../pick/pick-scores.ts';
import { PoolWait } from '../../pick/pool-wait.ts';
import { BookedSlot } from '../../pick/slot.ts';
import { Grants } from '../../pick/wait/grants.ts';
import { LateBinding } from '../../pick/wait/late-binding.ts';
import type { ReplicaLoad } from '../../replicas/replica-view.ts';
import { MemoryLedgerHub, type MemoryLedgerChannel } from '../memory-ledger-channel.ts';

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

type HeldLoad = Pick<ReplicaLoad, 'coldPrompts' | 'prefillSecondsLeft'>;

interface HeldRouter {
  readonly name: string;
  readonly wait: PoolWait;
  readonly grants: Grants;
  readonly channel: MemoryLedgerChannel;
  readonly gone: AbortController;
  isUp: boolean;
}

/**
 * Routers that hold requests for replicas which they share, each replica named by the request's session; its `bytes` are
 * milliseconds of prefill. Prompts are cold that take more than 100.
 */
export class HeldFleet {
  readonly clock = createTestClock(0);
  readonly hub: MemoryLedgerHub;
  readonly replicas = new Map(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name, at) => [name, replicaAt(at + 1)]));
  readonly booked: Booked[] = [];
  /** Names of requests that were placed. */
  readonly order: string[] = [];
  /** Of flows. */
  readonly work = new Map<string, number>();
  readonly routers: HeldRouter[] = [];
  /** Flows that have had more than their share, and replicas whose caches have room. */
  readonly greedy = new Set<string>();
  readonly roomy = new Set<string>();
  /** What routers have told each other, and how often places were looked for. */
  messages = 0;
  looks = 0;

  constructor(names: readonly string[], faults: Partial<ConstructorParameters<typeof MemoryLedgerHub>[0]> = {}) {
    this.hub = new MemoryLedgerHub({ seed: 1, lagMs: 5, ...faults });
    for (const name of names) this.start(name);
  }

  /** A router more. */
  start(name: string): void {
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
      peers: () => this.routers.filter((one) => one.name !== name).map((one) => ({ router: one.name, epoch: 1 })),
    });
    const loads = (): HeldLoad[] => this.#loadsFor(name, channel);
    const late = new LateBinding({ loads, workOf: (flow) => this.work.get(flow) ?? 0, grants, clock });
    const place: Placer['place'] = (work, { gate }) => {
      this.looks += 1;
      const replica = work.session ?? '';
      const seconds = work.bytes / 1000;
      const look = { replica, own: seconds, isCold: seconds > 0.1, isGreedy: this.greedy.has(work.flow) };
      if (gate?.opens({ ...look, fits: this.roomy.has(replica) }) === false) return undefined;
      const at = clock.monotonic();
      this.booked.push({ replica, router: name, at, until: at + work.bytes });
      const known = this.replicas.get(replica) ?? replicaAt(9);
      const slot = { replica: known, reason: 'only', scores: noScores, predictedCachedTokens: 0 };
      return new BookedSlot(slot, { ended: () => {}, release: () => own.released(work.pool) });
    };
    const placer: Placer = { stateOf: () => 'serving', startOf: () => undefined, place };
    const own: PoolWait = new PoolWait(placer, limits, { clock, late });
    const router: HeldRouter = { name, wait: own, grants, channel, gone: new AbortController(), isUp: true };
    channel.subscribe((message) => {
      if (!router.isUp) return;
      grants.hear(message, clock.monotonic());
      own.looked();
    });
    this.routers.push(router);
  }

  /** What a router sees: its own bookings at once, those of others when their rows have come. */
  #loadsFor(router: string, channel: MemoryLedgerChannel): HeldLoad[] {
    const now = this.clock.monotonic();
    const seen = this.booked.filter((one) => one.router === router || (channel.up() && now >= one.at + rowLagMs));
    const cold = seen.filter(({ at, until }) => until > now && until - at > 100);
    return Array.from(this.replicas.keys(), (name) => {
      const here = cold.filter(({ replica }) => replica === name);
      const left = here.reduce((sum, { until }) => sum + until - now, 0);
      return { coldPrompts: here.length, prefillSecondsLeft: left / 1000 };
    });
  }

  async send(
    name: string,
    ms: number,
    { at = 0, replica = 'a', ...more }: Partial<Work> & { at?: number; replica?: string } = {},
  ): Promise<Slot> {
    const work = { pool: 'p', flow: 'f', bytes: ms, prompt, maxTokens: 0, session: replica, ...more };
    const { wait, gone } = this.routers[at] as HeldRouter;
    const slot = await wait.acquire(work, gone.signal);
    this.order.push(name);
    return slot;
  }

  /** Its process ends: it says nothing more, and what waits there is lost. */
  async kill(router: HeldRouter): Promise<void> {
    router.isUp = false;
    router.gone.abort('killed');
    await router.channel[Symbol.asyncDispose]();
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
