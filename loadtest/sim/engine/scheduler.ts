import { BlockCache } from './block-cache.ts';
import type { EnginePreset } from './presets.ts';
import type { Sequence } from './sequence.ts';

/** What one step computes. */
export interface StepWork {
  /** Sequences that get a further token. */
  readonly decodes: readonly Sequence[];
  /** Pieces of prompts; after a preemption also of the output that was made before it. */
  readonly prefills: readonly { readonly sequence: Sequence; readonly tokens: number }[];
  /** Those of them that came in with this step. */
  readonly admitted: readonly Sequence[];
}

/**
 * Who computes what in a step, after vLLM V1's scheduler (first come, first served). The running sequences come first, in
 * order of admission: each takes its tokens from the step's budget and the blocks for them; when there is no block left,
 * the sequence that was admitted last gives up all of its blocks and goes back to the head of the queue. In a step
 * without such a preemption sequences of the queue are admitted while there are budget, slots, and blocks for all tokens
 * that are known of the first; nobody overtakes it. How long an output is going to be is not known.
 */
export class Scheduler {
  readonly cache: BlockCache;
  readonly waiting: Sequence[] = [];
  running: Sequence[] = [];
  preemptions = 0;
  readonly #preset: EnginePreset;
  readonly #watermarkBlocks: number;
  /** Set when the oldest waiting sequence did not fit; cleared when something leaves. */
  #full = false;

  constructor(preset: EnginePreset, { watermark, cacheEvents }: { watermark: number; cacheEvents: boolean }) {
    this.#preset = preset;
    this.cache = new BlockCache(Math.floor(preset.kvTokens / preset.blockTokens), { events: cacheEvents });
    this.#watermarkBlocks = Math.floor(watermark * this.cache.capacity);
  }

  /** Blocks that so many tokens need. */
  blocksOf(tokens: number): number {
    return Math.ceil(tokens / this.#preset.blockTokens);
  }

  /** Plans the step that starts at `at`; undefined when there is nothing to do. */
  plan(at: number): StepWork | undefined {
    const decodes: Sequence[] = [];
    const prefills: { sequence: Sequence; tokens: number }[] = [];
    const admitted: Sequence[] = [];
    let budget = this.#preset.chunkTokens;
    const take = (sequence: Sequence, tokens: number): void => {
      budget -= tokens;
      this.#publish(sequence, tokens);
      if (sequence.decodes) decodes.push(sequence);
      else prefills.push({ sequence, tokens });
    };
    const preemptedBefore = this.preemptions;
    for (let index = 0; budget > 0; index += 1) {
      const sequence = this.running[index];
      if (sequence === undefined) break;
      const tokens = Math.min(budget, sequence.tokens - sequence.computed);
      if (this.#makeRoom(sequence, tokens)) take(sequence, tokens);
    }
    while (budget > 0 && this.preemptions === preemptedBefore) {
      const sequence = this.#admit(at);
      if (sequence === undefined) break;
      admitted.push(sequence);
      const tokens = Math.min(budget, sequence.tokens - sequence.computed);
      this.#grow(sequence, tokens);
      take(sequence, tokens);
    }
    return decodes.length + prefills.length === 0 ? undefined : { decodes, prefills, admitted };
  }

  /** How many steps do the same in a row if nothing comes in: decoding until one is done or there is no block left. */
  stepsAlike({ decodes, prefills }: StepWork): number {
    const nextMayAdmit = this.waiting.length > 0 && !this.#full && this.running.length < this.#preset.maxSequences;
    if (prefills.length > 0 || nextMayAdmit) return 1;
    let steps = Infinity;
    const next = new Set<number>();
    for (const { request, generated, lease } of decodes) {
      steps = Math.min(steps, request.outputTokens - generated);
      const block = request.blocks[lease?.named ?? 0];
      if (block === undefined) continue;
      // Who of two that make the same block is first must be seen step by step.
      if (next.has(block) || this.cache.has(block)) return 1;
      next.add(block);
    }
    return this.#stepsThatFit(decodes, steps);
  }

  /** `tokens` more of the sequence are computed, and `ahead` more are being computed. */
  computed(sequence: Sequence, tokens: number, ahead: number): void {
    sequence.computed += tokens;
    this.#grow(sequence, ahead);
    this.#publish(sequence, ahead);
  }

  /** The sequence is over: its blocks are free from now. */
  leave(sequence: Sequence): void {
    sequence.gone = true;
    this.#full = false;
    if (sequence.lease !== undefined) this.cache.release(sequence.lease);
  }

  /** Takes a sequence out of whatever it is in. */
  remove(sequence: Sequence): void {
    this.leave(sequence);
    const queued = this.waiting.indexOf(sequence);
    if (queued >= 0) this.waiting.splice(queued, 1);
    else this.running = this.running.filter((other) => other !== sequence);
  }

  #admit(at: number): Sequence | undefined {
    const [sequence] = this.waiting;
    if (sequence === undefined || this.#full || sequence.arrivedAt > at) return undefined;
    if (this.running.length >= this.#preset.maxSequences) return undefined;
    const { blocks } = sequence.request;
    // The last token is always computed: its result is the next one.
    const matched = this.cache.match(blocks, Math.floor((sequence.tokens - 1) / this.#preset.blockTokens));
    const headroom = this.running.length > 0 ? this.#watermarkBlocks : 0;
    if (this.cache.roomBeside(blocks, matched) < this.blocksOf(sequence.tokens) - matched + headroom) {
      this.#full = true;
      return undefined;
    }
    this.waiting.shift();
    this.running.push(sequence);
    sequence.lease = this.cache.hold(blocks, matched);
    sequence.computed = matched * this.#preset.blockTokens;
    return sequence;
  }

  /** Gets the blocks for `tokens` more of a running sequence; false when it was preempted itself. */
  #makeRoom(sequence: Sequence, tokens: number): boolean {
    while (!this.#grow(sequence, tokens)) {
      const youngest = this.running.pop();
      if (youngest === undefined) return false;
      this.#preempt(youngest);
      if (youngest === sequence) return false;
    }
    return true;
  }

  #grow({ lease, computed }: Sequence, tokens: number): boolean {
    return lease === undefined || this.cache.grow(lease, this.blocksOf(computed + tokens));
  }

  /** Blocks that a step is going to fill can be used from its start: whoever comes in with it reads them after they are written. */
  #publish({ request, lease, computed }: Sequence, ahead: number): void {
    const full = Math.min(Math.floor((computed + ahead) / this.#preset.blockTokens), request.blocks.length);
    if (lease !== undefined) this.cache.publish(lease, request.blocks, full);
  }

  #preempt(sequence: Sequence): void {
    if (sequence.lease !== undefined) this.cache.release(sequence.lease);
    sequence.lease = undefined;
    sequence.computed = 0;
    sequence.preemptions += 1;
    this.preemptions += 1;
    this.#full = false;
    this.waiting.unshift(sequence);
  }

  /** How many decode steps, `most` at most, there are blocks for. */
  #stepsThatFit(decodes: readonly Sequence[], most: number): number {
    const { held, capacity } = this.cache;
    const fits = (steps: number): boolean => {
      const grown = ({ computed, lease }: Sequence): number => this.blocksOf(computed + steps) - (lease?.length ?? 0);
      return decodes.reduce((total, sequence) => total + grown(sequence), held) <= capacity;
    };
    if (fits(most)) return most;
    let [known, open] = [1, most];
    while (known < open - 1) {
      const middle = (known + open) >> 1;
      if (fits(middle)) known = middle;
      else open = middle;
    }
    return known;
  }
}
