import { BlockCache } from './block-cache.ts';
import { decodeMs, prefillMs, type EnginePreset } from './presets.ts';
import type { EngineRequest, Sequence } from './sequence.ts';
import { Step, type StepWork } from './step.ts';
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

/** The engine in numbers; token counts only grow. */
export interface EngineStats {
  readonly running: number;
  readonly waiting: number;
  /** Share of the KV cache that running requests hold, their reserved output included: 0 to 1. */
  readonly kvUsage: number;
  readonly idleBlocks: number;
  /** Prompt tokens of admitted requests, and how many of them came from the cache. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly generatedTokens: number;
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
}

/**
 * A continuous-batching engine in virtual time, after vLLM V1's scheduler: every step decodes one token of each
 * running request and fills the rest of its token budget with prompt chunks, oldest first; a request is admitted, in
 * order of arrival, when a sequence slot is free and its context (prompt, output, less the cached prefix) fits beside
 * the running ones. Output is reserved at admission, so nothing is ever preempted.
 *
 * Pure: no clock, no I/O, no randomness but the seed's. The caller owns time: it calls `advance(now)` at or after
 * `nextEventAt()`, and before `submit` and `cancel`; events carry their own exact times.
 */
export class Engine {
  readonly preset: EnginePreset;
  readonly #cache: BlockCache;
  readonly #sequences = new Map<string, Sequence>();
  readonly #waiting: Sequence[] = [];
  #running: Sequence[] = [];
  #step: Step | undefined;
  /** Set when the oldest waiting request did not fit; cleared when something leaves. */
  #full = false;
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
  constructor(preset: EnginePreset, { seed = 0, jitter = 0, everyToken = true }: EngineOptions = {}) {
    this.preset = preset;
    this.#cache = new BlockCache(Math.floor(preset.kvTokens / preset.blockTokens));
    this.#jitter = jitter;
    this.#everyToken = everyToken;
    this.#random = seededRandom(seed);
  }

  /**
   * Queues a request at `now`. Call `advance(now)` afterwards to learn of what it starts.
   * @throws RangeError when it could never run: no token to read or write, or more context than the whole cache.
   */
  submit(request: EngineRequest, now: number): void {
    if (request.promptTokens < 1 || request.outputTokens < 1)
      throw new RangeError(`Request ${request.id} needs at least one prompt and one output token.`);
    if (this.#blocksOf(request) > this.#cache.capacity)
      throw new RangeError(`Request ${request.id} needs more context than the whole KV cache holds.`);
    if (this.#sequences.has(request.id)) throw new RangeError(`Request ${request.id} is running already.`);
    const sequence: Sequence = {
      request,
      arrivedAt: now,
      lease: undefined,
      computed: 0,
      generated: 0,
      gone: false,
    };
    this.#sequences.set(request.id, sequence);
    this.#waiting.push(sequence);
    if (this.#waiting.length > 1) return;
    if (now > this.#now) this.#step?.endFor(now);
    else this.#endRunningStep();
  }

  /** Drops a request at once, wherever it is; its slot and blocks are free from now. False when it is not here. */
  cancel(id: string): boolean {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) return false;
    this.#catchUp();
    this.#endRunningStep();
    this.#leave(sequence);
    const queued = this.#waiting.indexOf(sequence);
    if (queued >= 0) this.#waiting.splice(queued, 1);
    else this.#running = this.#running.filter((other) => other !== sequence);
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
      const oldest = this.#waiting[0];
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

  /** The engine as it was when it was last advanced. */
  stats(): EngineStats {
    this.#catchUp();
    const { held, idle, capacity } = this.#cache;
    const queue = { running: this.#running.length, waiting: this.#waiting.length };
    return { ...queue, kvUsage: held / capacity, idleBlocks: idle, ...this.#counts };
  }

  #start(at: number, events: EngineEvent[]): Step | undefined {
    let budget = this.preset.chunkTokens;
    let contextTokens = 0;
    let firstMs = 0;
    const decodes: Sequence[] = [];
    for (const sequence of this.#running) {
      if (sequence.generated === 0) continue;
      decodes.push(sequence);
      contextTokens += sequence.request.promptTokens + sequence.generated;
    }
    budget -= decodes.length;
    const prefills: { sequence: Sequence; tokens: number }[] = [];
    const prefill = (sequence: Sequence): void => {
      const tokens = Math.min(budget, sequence.request.promptTokens - sequence.computed);
      if (tokens <= 0) return;
      budget -= tokens;
      firstMs += prefillMs(this.preset, sequence.computed, tokens);
      prefills.push({ sequence, tokens });
    };
    for (const sequence of this.#running) if (sequence.generated === 0) prefill(sequence);
    while (budget > 0) {
      const sequence = this.#admit(at, events);
      if (sequence === undefined) break;
      prefill(sequence);
    }
    if (decodes.length + prefills.length === 0) return undefined;
    firstMs += decodeMs(this.preset, decodes.length, contextTokens);
    const pace = this.#slowdown * (1 + this.#jitter * (2 * this.#random() - 1));
    const growthMs = pace * this.preset.decodeMs.perContextToken * decodes.length;
    const work = { decodes, prefills };
    const step = new Step(work, { startsAt: at, firstMs: pace * firstMs, growthMs }, this.#stepsAlike(work));
    const next = this.#waiting[0];
    if (next !== undefined && next.arrivedAt > at) step.endFor(next.arrivedAt);
    return step;
  }

  /** How many steps do the same in a row, if nothing comes in: pure decoding until the first of them is done. */
  #stepsAlike({ decodes, prefills }: StepWork): number {
    if (this.#everyToken || this.#jitter > 0 || prefills.length > 0) return 1;
    let least = Infinity;
    const next = new Set<number>();
    for (const { request, generated, lease } of decodes) {
      least = Math.min(least, request.outputTokens - generated);
      const block = request.blocks[lease?.named ?? 0];
      if (block === undefined) continue;
      // Who of two that make the same block is first must be seen step by step.
      if (next.has(block) || this.#cache.has(block)) return 1;
      next.add(block);
    }
    return least;
  }

  #admit(at: number, events: EngineEvent[]): Sequence | undefined {
    const sequence = this.#waiting[0];
    if (sequence === undefined || this.#full || sequence.arrivedAt > at) return undefined;
    if (this.#running.length >= this.preset.maxSequences) return undefined;
    const { request } = sequence;
    const { blockTokens } = this.preset;
    // The last prompt token is always computed: its result is the first output token.
    const matched = this.#cache.match(request.blocks, Math.floor((request.promptTokens - 1) / blockTokens));
    const lease = this.#cache.reserve(request.blocks, matched, this.#blocksOf(request) - matched);
    if (lease === undefined) {
      this.#full = true;
      return undefined;
    }
    this.#waiting.shift();
    this.#running.push(sequence);
    sequence.lease = lease;
    sequence.computed = matched * blockTokens;
    this.#counts.promptTokens += request.promptTokens;
    this.#counts.cachedTokens += sequence.computed;
    events.push({ type: 'admitted', id: request.id, at, cachedTokens: sequence.computed });
    return sequence;
  }

  #finish(step: Step, events: EngineEvent[]): void {
    for (const { sequence, tokens } of step.work.prefills) {
      if (sequence.gone) continue;
      this.#compute(sequence, tokens);
      if (sequence.computed < sequence.request.promptTokens) continue;
      sequence.generated = 1;
      this.#counts.generatedTokens += 1;
      this.#tell(sequence, step.endsAt, events);
    }
    this.#decode(step, step.count);
    for (const sequence of step.work.decodes) if (!sequence.gone) this.#tell(sequence, step.endsAt, events);
    if (this.#running.some((sequence) => sequence.gone)) this.#running = this.#running.filter(({ gone }) => !gone);
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
      this.#compute(sequence, steps);
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

  #compute(sequence: Sequence, tokens: number): void {
    const { request, lease } = sequence;
    sequence.computed += tokens;
    const full = Math.min(Math.floor(sequence.computed / this.preset.blockTokens), request.blocks.length);
    if (lease !== undefined && full > lease.named) this.#cache.publish(lease, request.blocks, full);
  }

  /** Tells of the token that was made last, and lets the request go when that was all. */
  #tell(sequence: Sequence, at: number, events: EngineEvent[]): void {
    const { id, outputTokens } = sequence.request;
    const index = sequence.generated - 1;
    const last = sequence.generated === outputTokens;
    if (last) this.#leave(sequence);
    if (this.#everyToken || last || index === 0) events.push({ type: 'token', id, at, index, last });
  }

  #leave(sequence: Sequence): void {
    sequence.gone = true;
    this.#full = false;
    this.#sequences.delete(sequence.request.id);
    if (sequence.lease !== undefined) this.#cache.release(sequence.lease);
  }

  #blocksOf(request: EngineRequest): number {
    return Math.ceil((request.promptTokens + request.outputTokens) / this.preset.blockTokens);
  }
}
