import type { CacheEvent } from './cache-event.ts';
import type { EnginePreset } from './presets.ts';
import { Scheduler, type StepWork } from './scheduler.ts';
import { Sequence, type EngineRequest } from './sequence.ts';
import { pairsOf, stepMs, type StepLoad } from './step-cost.ts';
import { Step } from './step.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

/** What happened, and when (engine milliseconds). `index` counts output tokens from 0. */
export type EngineEvent =
  | { readonly type: 'admitted'; readonly id: string; readonly at: number; readonly cachedTokens: number }
  | {
      readonly type: 'token';
      readonly id: string;
      readonly at: number;
      readonly index: number;
      readonly last: boolean;
    };

/** The engine in numbers; counts only grow. */
export interface EngineStats {
  readonly running: number;
  readonly waiting: number;
  /** Share of the KV cache that running requests hold: 0 to 1. */
  readonly kvUsage: number;
  readonly idleBlocks: number;
  /** Prompt tokens of admitted requests, and how many of them came from the cache. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly generatedTokens: number;
  /** How often a running request had to give up its blocks and start again. */
  readonly preemptions: number;
  /** Steps that have ended. */
  readonly steps: number;
}

/** How an engine is simulated. */
export interface EngineOptions {
  readonly seed?: number;
  /** 0.05 varies each step's duration by ±5 %, from `seed`; 0 (the default) is exact. */
  readonly jitter?: number;
  /**
   * False tells of a request's first and last token only, and takes the steps between two such events in one go: the
   * same times (rounding aside) and numbers at a fraction of the work. With jitter each step is taken by itself.
   */
  readonly everyToken?: boolean;
  /** Share of the blocks that admission leaves free while others run (vLLM's --watermark); 0 by default, as there. */
  readonly watermark?: number;
  /** Whether it keeps what happens to cached blocks for `takeCacheEvents`. */
  readonly cacheEvents?: boolean;
}

/**
 * A continuous-batching engine in virtual time: every step decodes one token of each running request and fills the rest
 * of its token budget with prompt chunks, as the scheduler says.
 *
 * Pure: no clock, no I/O, no randomness but the seed's. The caller owns time: it calls `advance(now)` at or after
 * `nextEventAt()`, and before `submit` and `cancel`; events carry their own exact times.
 */
export class Engine {
  readonly preset: EnginePreset;
  readonly #scheduler: Scheduler;
  readonly #sequences = new Map<string, Sequence>();
  #step: Step | undefined;
  #slowdown = 1;
  /** The latest time that the engine was advanced to. */
  #now = 0;
  /** End of the latest step: the next one does not start before it. */
  #idleSince = 0;
  readonly #jitter: number;
  readonly #everyToken: boolean;
  readonly #random: () => number;
  readonly #counts = { promptTokens: 0, cachedTokens: 0, generatedTokens: 0, steps: 0 };

  /** An idle engine with an empty cache. */
  constructor(preset: EnginePreset, options: EngineOptions = {}) {
    const { seed = 0, jitter = 0, everyToken = true, watermark = 0, cacheEvents = false } = options;
    this.preset = preset;
    this.#scheduler = new Scheduler(preset, { watermark, cacheEvents });
    this.#jitter = jitter;
    this.#everyToken = everyToken;
    this.#random = seededRandom(seed);
  }

  /** @throws RangeError when a request could never run: no token to read or write, or more than the whole cache holds. */
  check({ id, promptTokens, outputTokens }: EngineRequest): void {
    if (promptTokens < 1 || outputTokens < 1)
      throw new RangeError(`Request ${id} needs at least one prompt and one output token.`);
    if (this.#scheduler.blocksOf(promptTokens + outputTokens) > this.#scheduler.cache.capacity)
      throw new RangeError(`Request ${id} needs more context than the whole KV cache holds.`);
  }

  /**
   * Queues a request at `now`. Call `advance(now)` afterwards to learn of what it starts.
   * @throws RangeError when it could never run (`check`), or is here already.
   */
  submit(request: EngineRequest, now: number): void {
    this.check(request);
    const { id } = request;
    if (this.#sequences.has(id)) throw new RangeError(`Request ${id} is running already.`);
    const sequence = new Sequence(request, now);
    this.#sequences.set(id, sequence);
    this.#scheduler.waiting.push(sequence);
    if (this.#scheduler.waiting.length > 1) return;
    if (now > this.#now) this.#step?.endFor(now);
    else this.#endRunningStep();
  }

  /** Drops a request at once, wherever it is; its slot and blocks are free from now. False when it is not here. */
  cancel(id: string): boolean {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) return false;
    this.#catchUp();
    this.#endRunningStep();
    this.#sequences.delete(id);
    this.#scheduler.remove(sequence);
    return true;
  }

  /** Multiplies the duration of every step that starts from now on: 4 is an engine at a quarter of its speed. */
  setSlowdown(factor: number): void {
    this.#slowdown = factor;
    this.#endRunningStep();
  }

  /** When there is something to tell next; undefined while the engine is idle. */
  nextEventAt(): number | undefined {
    return this.#step?.endsAt;
  }

  /** Runs every step that ends until `now` and starts the next one; returns what happened, in order. */
  advance(now: number): EngineEvent[] {
    const events: EngineEvent[] = [];
    for (;;) {
      const [oldest] = this.#scheduler.waiting;
      if (this.#step === undefined && oldest !== undefined)
        this.#step = this.#start(Math.max(this.#idleSince, oldest.arrivedAt), events);
      const step = this.#step;
      if (step === undefined || step.endsAt > now) break;
      this.#finish(step, events);
      this.#idleSince = step.endsAt;
      this.#step = this.#start(step.endsAt, events);
    }
    this.#now = Math.max(this.#now, now);
    return events;
  }

  /** What happened to cached blocks since this was asked last; in jumps only known at their ends. */
  takeCacheEvents(): CacheEvent[] {
    return this.#scheduler.cache.takeEvents();
  }

  /** Forgets every cached block; false, and nothing happens, while a request runs. */
  clearCache(): boolean {
    return this.#scheduler.cache.clear();
  }

  /** The engine as it was when it was last advanced. */
  stats(): EngineStats {
    this.#catchUp();
    const { cache, running, waiting, preemptions } = this.#scheduler;
    const { held, idle, capacity } = cache;
    const queue = { running: running.length, waiting: waiting.length };
    return { ...queue, kvUsage: held / capacity, idleBlocks: idle, ...this.#counts, preemptions };
  }

  #start(at: number, events: EngineEvent[]): Step | undefined {
    const work = this.#scheduler.plan(at);
    if (work === undefined) return undefined;
    for (const sequence of work.admitted) this.#tellAdmitted(sequence, at, events);
    const pace = this.#slowdown * (1 + this.#jitter * (2 * this.#random() - 1));
    const load = loadOf(work);
    const firstMs = pace * stepMs(this.preset.cost, load);
    const growthMs = pace * this.preset.cost.perContextToken * load.sequences;
    const alike = this.#everyToken || this.#jitter > 0 ? 1 : this.#scheduler.stepsAlike(work);
    return new Step(work, { startsAt: at, firstMs, growthMs }, alike);
  }

  #finish(step: Step, events: EngineEvent[]): void {
    const scheduler = this.#scheduler;
    for (const { sequence, tokens } of step.work.prefills) {
      if (sequence.gone) continue;
      scheduler.computed(sequence, tokens, 0);
      if (sequence.computed < sequence.tokens) continue;
      sequence.generated += 1;
      this.#counts.generatedTokens += 1;
      this.#tellToken(sequence, step.endsAt, events);
    }
    this.#decode(step, step.count);
    for (const sequence of step.work.decodes) if (!sequence.gone) this.#tellToken(sequence, step.endsAt, events);
    if (scheduler.running.some(({ gone }) => gone)) scheduler.running = scheduler.running.filter(({ gone }) => !gone);
  }

  /** Takes the results of the decode steps that have ended since the engine last looked, `until` of the row in all. */
  #decode(step: Step, until: number): void {
    const steps = until - step.taken;
    if (steps === 0) return;
    step.taken = until;
    this.#counts.steps += steps;
    for (const sequence of step.work.decodes) {
      if (sequence.gone) continue;
      sequence.generated += steps;
      this.#counts.generatedTokens += steps;
      this.#scheduler.computed(sequence, steps, until < step.count ? 1 : 0);
    }
  }

  /** Brings the numbers to where the engine was last advanced to, in the middle of a row of steps. */
  #catchUp(): void {
    if (this.#step !== undefined) this.#decode(this.#step, this.#step.endedAt(this.#now));
  }

  /** Lets what changes now take effect after the step that is running, not after its whole row. */
  #endRunningStep(): void {
    this.#step?.endAfter(this.#step.endedAt(this.#now) + 1);
  }

  /** A request that comes back after a preemption was told and counted when it first came. */
  #tellAdmitted({ request, computed, preemptions }: Sequence, at: number, events: EngineEvent[]): void {
    if (preemptions > 0) return;
    this.#counts.promptTokens += request.promptTokens;
    this.#counts.cachedTokens += computed;
    events.push({ type: 'admitted', id: request.id, at, cachedTokens: computed });
  }

  /** Tells of the token that was made last, and lets the request go when that was all. */
  #tellToken(sequence: Sequence, at: number, events: EngineEvent[]): void {
    const { id, outputTokens } = sequence.request;
    const index = sequence.generated - 1;
    const last = sequence.generated === outputTokens;
    if (last) {
      this.#sequences.delete(id);
      this.#scheduler.leave(sequence);
    }
    if (this.#everyToken || last || index === 0) events.push({ type: 'token', id, at, index, last });
  }
}

function loadOf({ decodes, prefills }: StepWork): StepLoad {
  let promptTokens = 0;
  let pairs = 0;
  for (const { sequence, tokens } of prefills) {
    promptTokens += tokens;
    pairs += pairsOf(sequence.computed, tokens);
  }
  const contextTokens = decodes.reduce((total, { tokens }) => total + tokens, 0);
  return { sequences: decodes.length, contextTokens, promptTokens, pairs };
}
