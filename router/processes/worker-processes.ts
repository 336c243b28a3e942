import cluster from 'node:cluster';
import { pause, type Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { within } from '#shared/runtime/within.ts';
import { LedgerRelay } from './ledger-relay.ts';
import { WorkerProcess } from './worker-process.ts';
import type { WorkerPlaces } from './worker-word.ts';

/** How many processes there are, and what each is told. */
export interface WorkerProcessesOptions {
  readonly count: number;
  readonly routerOf: (number: number) => string;
  /** Variables in which a process differs from the one that starts it. */
  readonly envOf: (number: number) => Readonly<Record<string, string>>;
  /** Whether a process that has started can take the place of another. */
  readonly isReady: (places: WorkerPlaces) => Promise<boolean>;
  readonly counted: (what: 'restarted' | 'exchanged' | 'ledger_dropped') => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const backoff = { firstMs: 100, maxMs: 30_000, calmMs: 60_000 };
/** A process that takes the place of another has so long to be ready. */
const readyMs = 60_000;
const readyLookMs = 100;

/**
 * Keeps a number of processes of one router running. One that dies is started again under its number, with back-off; an
 * exchange starts a new one for each, under a free number, before it asks the old one to end.
 */
export class WorkerProcesses implements AsyncDisposable {
  readonly #options: WorkerProcessesOptions;
  readonly #relay = new LedgerRelay();
  readonly #living = new Set<WorkerProcess>();
  /** Of each place, the process that is to take requests. */
  readonly #places: WorkerProcess[] = [];
  readonly #stop = new AbortController();
  readonly #watches = new Set<Promise<void>>();
  /** How long the next death at a place is waited after. */
  readonly #waits = new Map<number, number>();
  #exchange: Promise<void> | undefined;

  private constructor(options: WorkerProcessesOptions) {
    this.#options = options;
  }

  /** Starts the first one, then the others: what is wrong with all of them is said once. @throws what kept one from starting. */
  static async start(options: WorkerProcessesOptions): Promise<WorkerProcesses> {
    await using stack = new AsyncDisposableStack();
    const all = stack.use(new WorkerProcesses(options));
    await all.#fill(0);
    await Promise.all(Array.from({ length: options.count - 1 }, (_, at) => all.#fill(at + 1)));
    stack.move();
    return all;
  }

  /** Those that are to take requests. */
  list(): readonly WorkerProcess[] {
    return this.#places;
  }

  /** Exchanges all, one after the other, without losing a connection; does nothing while that goes on already. */
  exchange(): Promise<void> {
    this.#exchange ??= this.#exchangeAll().finally(() => (this.#exchange = undefined));
    return this.#exchange;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const process of this.#living) if (!process.leaving) process.leave();
    await Promise.all([...this.#living].map(({ ended }) => ended));
    await Promise.all([...this.#watches, this.#exchange]);
  }

  async #fill(place: number): Promise<void> {
    const process = this.#launch(this.#freeNumber());
    this.#places[place] = process;
    await process.started;
  }

  #launch(number: number): WorkerProcess {
    const { routerOf, envOf, counted, clock } = this.#options;
    const router = routerOf(number);
    const worker = cluster.fork(envOf(number));
    const process = new WorkerProcess(worker, number, ({ text, to }) => this.#relay.say(router, text, to));
    this.#living.add(process);
    const leave = this.#relay.join(router, (text) => {
      if (!process.say({ kind: 'ledger', text })) counted('ledger_dropped');
    });
    const since = clock.monotonic();
    const watch = process.ended.then((how) => {
      leave();
      this.#living.delete(process);
      return this.#startAgain(process, how, clock.monotonic() - since);
    });
    this.#watches.add(watch);
    void watch.finally(() => this.#watches.delete(watch));
    return process;
  }

  /** Under its number: whoever counts on its router hears of it again. */
  async #startAgain(ended: WorkerProcess, how: string, livedMs: number): Promise<void> {
    const place = this.#places.indexOf(ended);
    const { signal } = this.#stop;
    if (place < 0 || ended.leaving || signal.aborted) return;
    const { clock, counted, log } = this.#options;
    const waitMs = livedMs > backoff.calmMs ? backoff.firstMs : (this.#waits.get(place) ?? backoff.firstMs);
    this.#waits.set(place, Math.min(backoff.maxMs, waitMs * 2));
    log.error({ number: ended.number, how, againInMs: waitMs }, 'process.died');
    await pause(clock, waitMs, signal);
    if (signal.aborted || this.#places[place] !== ended) return;
    counted('restarted');
    this.#places[place] = this.#launch(ended.number);
  }

  async #exchangeAll(): Promise<void> {
    const { log, counted } = this.#options;
    for (const place of this.#places.keys()) {
      const next = this.#launch(this.#freeNumber());
      const problem = await this.#untilReady(next);
      // Whoever is there by now: the one before may have died meanwhile.
      const old = this.#places[place];
      if (this.#stop.signal.aborted || old === undefined) return;
      if (problem !== undefined) {
        log.error({ number: old.number, reason: problem }, 'process.exchange_given_up');
        return next.kill();
      }
      this.#places[place] = next;
      old.leave();
      counted('exchanged');
      log.info({ from: old.number, to: next.number }, 'process.exchanged');
    }
  }

  /** Why a new process cannot take over; undefined when it can. */
  async #untilReady(process: WorkerProcess): Promise<string | undefined> {
    const { isReady, clock } = this.#options;
    const { signal } = this.#stop;
    const until = clock.monotonic() + readyMs;
    let end: string | undefined;
    void process.ended.then((how) => (end = how));
    try {
      const places = await within(process.started, readyMs, { clock, signal });
      while (!(await isReady(places))) {
        if (end !== undefined) return `it ended: ${end}`;
        if (clock.monotonic() > until) return `not ready after ${readyMs} ms`;
        await clock.sleep(readyLookMs, signal);
      }
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  #freeNumber(): number {
    const taken = new Set([...this.#living, ...this.#places].map(({ number }) => number));
    for (let number = 1; ; number += 1) if (!taken.has(number)) return number;
  }
}
