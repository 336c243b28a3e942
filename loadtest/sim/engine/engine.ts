import { BlockCache, type BlockLease } from './block-cache.ts';
import { decodeMs, prefillMs, type EnginePreset } from './presets.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

/** One request as the engine sees it: sizes and hashes, no text. */
export interface EngineRequest {
  readonly id: string;
  readonly promptTokens: number;
  /** Tokens that it is going to make, at least 1. */
  readonly outputTokens: number;
  /** Chained hash of every whole block of prompt and output together, in order. */
  readonly blocks: readonly number[];
}

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
  readonly steps: number;
}

interface Sequence {
  readonly request: EngineRequest;
  readonly arrivedAt: number;
  lease: BlockLease | undefined;
  /** Tokens whose KV is there. */
  computed: number;
  published: number;
  generated: number;
  gone: boolean;
}

interface Step {
  readonly endsAt: number;
  readonly decodes: readonly Sequence[];
  readonly prefills: readonly { readonly sequence: Sequence; readonly tokens: number }[];
}

/**
 * A continuous-batching engine in virtual time, after vLLM V1's scheduler: every step decodes one token of each
 * running request and fills the rest of its token budget with prompt chunks, oldest first; a request is admitted, in
 * order of arrival, when a sequence slot is free and its context (prompt, output, less the cached prefix) fits beside
 * the running ones. Output is reserved at admission, so nothing is ever preempted.
 *
 * Pure: no clock, no I/O, no randomness but the seed's. The caller owns time: it calls `advance(now)` at or after `nextEventAt()`; events carry their own exact times.
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
  /** End of the latest step: the next one does not start before it. */
  #idleSince = 0;
  readonly #jitter: number;
  readonly #random: () => number;
  readonly #counts = { promptTokens: 0, cachedTokens: 0, generatedTokens: 0, steps: 0 };

  /** An idle engine with an empty cache. */
  constructor(
    preset: EnginePreset,
    options: {
      readonly seed?: number;
      /** 0.05 varies each step's duration by ±5 %, from `seed`; 0 (the default) is exact. */
      readonly jitter?: number;
    } = {},
  ) {
    this.preset = preset;
    this.#cache = new BlockCache(Math.floor(preset.kvTokens / preset.blockTokens));
    this.#jitter = options.jitter ?? 0;
    this.#random = seededRandom(options.seed ?? 0);
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
    const fresh = { lease: undefined, computed: 0, published: 0, generated: 0, gone: false };
    const sequence: Sequence = { request, arrivedAt: now, ...fresh };
    this.#sequences.set(request.id, sequence);
    this.#waiting.push(sequence);
  }

  /** Drops a request at once, wherever it is; its slot and blocks are free from now. False when it is not here. */
  cancel(id: string): boolean {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) return false;
    this.#leave(sequence);
    const queued = this.#waiting.indexOf(sequence);
    if (queued >= 0) this.#waiting.splice(queued, 1);
    else this.#running = this.#running.filter((other) => other !== sequence);
    return true;
  }

  /** Multiplies the duration of every step that starts from now on: 4 is an engine at a quarter of its speed. */
  setSlowdown(factor: number): void {
    this.#slowdown = factor;
  }

  /** When the running step ends; undefined while the engine is idle. */
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
    return events;
  }

  stats(): EngineStats {
    const { held, idle, capacity } = this.#cache;
    const queue = { running: this.#running.length, waiting: this.#waiting.length };
    return { ...queue, kvUsage: held / capacity, idleBlocks: idle, ...this.#counts };
  }

  #start(at: number, events: EngineEvent[]): Step | undefined {
    let budget = this.preset.chunkTokens;
    let contextTokens = 0;
    let durationMs = 0;
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
      durationMs += prefillMs(this.preset, sequence.computed, tokens);
      prefills.push({ sequence, tokens });
    };
    for (const sequence of this.#running) if (sequence.generated === 0) prefill(sequence);
    while (budget > 0) {
      const sequence = this.#admit(at, events);
      if (sequence === undefined) break;
      prefill(sequence);
    }
    if (decodes.length + prefills.length === 0) return undefined;
    durationMs += decodeMs(this.preset, decodes.length, contextTokens);
    durationMs *= this.#slowdown * (1 + this.#jitter * (2 * this.#random() - 1));
    this.#counts.steps += 1;
    return { endsAt: at + durationMs, decodes, prefills };
  }

  #admit(at: number, events: EngineEvent[]): Sequence | undefined {
    const sequence = this.#waiting[0];
    if (sequence === undefined || this.#full || sequence.arrivedAt > at) return undefined;
    if (this.#running.length >= this.preset.maxSequences) return undefined;
    const { request } = sequence;
    const { blockTokens } = this.preset;
    // The last prompt token is always computed: its result is the first output token.
    const matched = this.#cache.match(request.blocks, Math.floor((request.promptTokens - 1) / blockTokens));
    const lease = this.#cache.reserve(request.blocks.slice(0, matched), this.#blocksOf(request) - matched);
    if (lease === undefined) {
      this.#full = true;
      return undefined;
    }
    this.#waiting.shift();
    this.#running.push(sequence);
    sequence.lease = lease;
    sequence.published = matched;
    sequence.computed = matched * blockTokens;
    this.#counts.promptTokens += request.promptTokens;
    this.#counts.cachedTokens += sequence.computed;
    events.push({ type: 'admitted', id: request.id, at, cachedTokens: sequence.computed });
    return sequence;
  }

  #finish(step: Step, events: EngineEvent[]): void {
    for (const { sequence, tokens } of step.prefills) {
      if (sequence.gone) continue;
      sequence.computed += tokens;
      if (sequence.computed === sequence.request.promptTokens) this.#emit(sequence, step.endsAt, events);
      else this.#publish(sequence);
    }
    for (const sequence of step.decodes) {
      if (sequence.gone) continue;
      sequence.computed += 1;
      this.#emit(sequence, step.endsAt, events);
    }
    if (this.#running.some((sequence) => sequence.gone)) this.#running = this.#running.filter(({ gone }) => !gone);
  }

  #emit(sequence: Sequence, at: number, events: EngineEvent[]): void {
    const { id, outputTokens } = sequence.request;
    const index = sequence.generated;
    sequence.generated += 1;
    this.#counts.generatedTokens += 1;
    this.#publish(sequence);
    const last = sequence.generated === outputTokens;
    if (last) this.#leave(sequence);
    events.push({ type: 'token', id, at, index, last });
  }

  #publish(sequence: Sequence): void {
    const whole = Math.floor(sequence.computed / this.preset.blockTokens);
    for (; sequence.published < whole; sequence.published += 1) {
      const hash = sequence.request.blocks[sequence.published];
      if (hash !== undefined && sequence.lease !== undefined) this.#cache.publish(sequence.lease, hash);
    }
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
