import { AppError } from '#shared/contract/errors.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { brainLimits, readRouterConfig } from '../../router/config.ts';
import { Brain, tickMs, type Scraped } from '../../router/pick/brain.ts';
import type { Picker, Slot, Work } from '../../router/pick/picker.ts';
import { Tried } from '../../router/pick/tried.ts';
import type { SlotEnd } from '../../router/replicas/slot-end.ts';
import type { EngineRequest } from '#loadtest/sim/engine/sequence.ts';
import type { VirtualReplica } from './virtual-replica.ts';
import type { VirtualLedgerChannel } from './virtual-redis.ts';
import type { ProcessTime } from './virtual-time.ts';

/** The router's settings where none is made: what has no default is nothing that is used here. */
const settings = readRouterConfig({
  FAIRWAY_EDGE_FILE: 'none',
  FAIRWAY_REDIS_URL: 'none',
  FAIRWAY_STATE_DIR: 'none',
  FAIRWAY_TOKEN_HASH_KEY: '0'.repeat(43),
  FAIRWAY_VPC_ID: '00000000-0000-4000-8000-000000000001',
});
const { FAIRWAY_ATTEMPTS_MAX: attemptsMax, FAIRWAY_SCRAPE_MS: scrapeMs } = settings;
const killedMax = 2;

/** A request on its way, and who hears of its first token. */
export interface Ask {
  readonly work: Work;
  readonly engine: EngineRequest;
  readonly first: () => void;
}

/** What its client gets: a whole answer, a refusal, or the end of a connection. */
export type Served =
  | { readonly kind: 'done'; readonly cachedTokens: number }
  | { readonly kind: 'refused'; readonly retryAfterMs: number }
  | { readonly kind: 'broken' };

/** How one attempt ended, as `router/forward` tells it. */
type AttemptEnd =
  | { readonly kind: 'done'; readonly cachedTokens: number }
  | { readonly kind: 'broken'; readonly end: SlotEnd }
  | { readonly kind: 'lost'; readonly end: SlotEnd; readonly isFree: boolean };

/** What a router lives in. */
export interface RouterPlace {
  readonly time: ProcessTime;
  readonly pool: PoolDocument;
  readonly replicas: ReadonlyMap<string, VirtualReplica>;
  /** To a replica, or back, milliseconds. */
  readonly hopMs: number;
  readonly channel: VirtualLedgerChannel;
  readonly lateBinding: boolean;
  /** In place of the brain: another product's rule. */
  readonly rival: Pick<Picker, 'acquire'> | undefined;
}

/** A router in virtual time: its own brain, and in place of sockets what `router/forward` does on them. */
export class VirtualRouter {
  readonly #brain: Brain;
  readonly #place: RouterPlace;
  readonly #gone = new AbortController();
  /** Clients whose connections end with the process, and attempts that do. */
  readonly #open = new Set<() => void>();
  readonly #attempting = new Set<() => void>();
  #attempts = 0;

  constructor(router: string, place: RouterPlace) {
    const { time, channel, pool, lateBinding } = place;
    this.#place = place;
    const limits = { ...brainLimits(settings), lateBinding };
    this.#brain = new Brain({ router, epoch: time.now(), channel, clock: time, ...limits });
    this.#brain.setPools([pool]);
    this.#tick();
    this.#scrape();
  }

  get isUp(): boolean {
    return !this.#gone.signal.aborted;
  }

  get inFlight(): number {
    return this.#open.size;
  }

  /** Requests that wait here for a replica. */
  get waiting(): number {
    return this.#brain.figures().waiting;
  }

  /** Hears what the pool is now. */
  setPool(pool: PoolDocument): void {
    this.#brain.setPools([pool]);
  }

  /** Answers one request, or not. */
  serve(ask: Ask): Promise<Served> {
    const { promise, resolve } = Promise.withResolvers<Served>();
    const end = (): void => resolve({ kind: 'broken' });
    this.#open.add(end);
    const forward = async (): Promise<void> => {
      const served = await this.#forward(ask);
      this.#open.delete(end);
      resolve(served);
    };
    this.#place.time.awake(() => void forward());
    return promise;
  }

  /** The process dies: its connections end, and nothing more is said. */
  async kill(): Promise<void> {
    this.#gone.abort('killed');
    this.#brain[Symbol.dispose]();
    for (const end of [...this.#open, ...this.#attempting]) end();
    this.#open.clear();
    await this.#place.channel[Symbol.asyncDispose]();
  }

  /** The process stands still for so long, and goes on as if nothing had been. */
  pause(ms: number): void {
    this.#place.time.standStill(ms);
  }

  /** As `forward` of `router/forward` does: tries replicas, one after the other, until one answers. */
  async #forward({ work, engine, first }: Ask): Promise<Served> {
    const tried = new Tried();
    let attempts = 0;
    while (attempts < attemptsMax && tried.killed < killedMax) {
      try {
        using slot = await (this.#place.rival ?? this.#brain).acquire(work, this.#gone.signal, tried);
        const outcome = await this.#attempt(slot, { ...engine, id: `${engine.id}-${this.#attempts++}` }, first);
        slot.ended(endOf(outcome, engine));
        if (outcome.kind !== 'lost') return outcome;
        if (!outcome.isFree) attempts += 1;
      } catch (error) {
        if (!this.isUp) return { kind: 'broken' };
        if (!(error instanceof AppError)) throw error;
        return { kind: 'refused', retryAfterMs: error.retryAfterMs ?? 1000 };
      }
    }
    return { kind: 'refused', retryAfterMs: 1000 };
  }

  #attempt(slot: Slot, engine: EngineRequest, first: () => void): Promise<AttemptEnd> {
    const { time, replicas, hopMs } = this.#place;
    const { promise, resolve } = Promise.withResolvers<AttemptEnd>();
    const replica = replicas.get(slot.replica.replicaId);
    let begun = false;
    let over = false;
    const leave = (): void => {
      over = true;
      time.after(hopMs, () => replica?.cancel(engine.id));
    };
    const back = (heard: () => void): void => void time.after(hopMs, () => !over && heard());
    const finish = (outcome: AttemptEnd): void => {
      over = true;
      this.#attempting.delete(leave);
      resolve(outcome);
    };
    const fail = (failure: 'connect' | 'reset'): void => {
      const end: SlotEnd = { kind: 'failed', failure };
      finish(begun ? { kind: 'broken', end } : { kind: 'lost', end, isFree: failure === 'connect' });
    };
    slot.onMove((why) => {
      if (over || (begun && why !== 'refused')) return;
      leave();
      const end: SlotEnd = { kind: 'left' };
      finish(begun ? { kind: 'broken', end } : { kind: 'lost', end, isFree: why === 'late' });
    });
    this.#attempting.add(leave);
    let cached = 0;
    const hearer = {
      first: (cachedTokens: number): void =>
        back(() => {
          begun = true;
          cached = cachedTokens;
          slot.heard();
          slot.began();
          first();
        }),
      last: (): void => back(() => finish({ kind: 'done', cachedTokens: cached })),
      lost: (): void => back(() => fail('reset')),
    };
    time.after(hopMs, () => {
      if (over) return;
      if (replica?.submit(engine, hearer) !== true) return back(() => fail('connect'));
      // The head of a stream comes at once.
      back(() => {
        slot.heard();
        slot.accepted();
      });
    });
    return promise;
  }

  #tick(): void {
    if (!this.isUp) return;
    this.#brain.tick();
    this.#place.time.after(tickMs, () => this.#tick());
  }

  #scrape(): void {
    if (!this.isUp) return;
    const { time, replicas, hopMs } = this.#place;
    for (const { replica, ...state } of looksAt(replicas.values()))
      this.#brain.scraped({ replica, startedAt: time.now() - 2 * hopMs, ...state });
    time.after(scrapeMs, () => this.#scrape());
  }
}

function endOf(outcome: AttemptEnd, { promptTokens, outputTokens }: EngineRequest): SlotEnd {
  if (outcome.kind !== 'done') return outcome.end;
  return {
    kind: 'answered',
    usage: { promptTokens, completionTokens: outputTokens, cachedTokens: outcome.cachedTokens },
  };
}

function looksAt(replicas: Iterable<VirtualReplica>): Omit<Scraped, 'startedAt'>[] {
  return Array.from(replicas, (one) =>
    one.isUp
      ? { replica: one.replica, health: 'healthy', signals: one.signals() }
      : { replica: one.replica, health: 'refused', signals: {} },
  );
}
