import type { Arrival } from '../turn.ts';
import { BlockIds } from './block-ids.ts';

/** What a workload asks; lengths in tokens. */
export interface AskedFigures {
  readonly requests: number;
  readonly perSecond: number;
  readonly meanPrompt: number;
  readonly meanFresh: number;
  readonly meanOutput: number;
  /** Share of prompt tokens that a cache that never evicts can have: what was asked and answered before. */
  readonly idealHits: number;
  /** Share of prompts' blocks that earlier prompts had, as traces are counted: answers, and blocks that are cut, are new. */
  readonly idealBlockHits: number;
}

/** Adds up what is asked. */
export class Asked {
  readonly #ids: BlockIds;
  readonly #sum = { requests: 0, prompt: 0, fresh: 0, output: 0, blocks: 0 };
  #lastAtMs = 0;

  constructor(blockTokens: number) {
    this.#ids = new BlockIds(blockTokens);
  }

  /** Takes the next request. Gives the ids of its prompt's blocks. */
  add({ atMs, turn }: Arrival): readonly number[] {
    const blocks = this.#ids.of(turn.parts);
    const sum = this.#sum;
    sum.requests += 1;
    sum.prompt += turn.promptTokens;
    sum.fresh += turn.freshTokens;
    sum.output += turn.answer.tokens;
    sum.blocks += blocks.length;
    this.#lastAtMs = atMs;
    return blocks;
  }

  figures(): AskedFigures {
    const { requests, prompt, fresh, output, blocks } = this.#sum;
    return {
      requests,
      perSecond: (1000 * requests) / this.#lastAtMs,
      meanPrompt: prompt / requests,
      meanFresh: fresh / requests,
      meanOutput: output / requests,
      idealHits: 1 - fresh / prompt,
      idealBlockHits: 1 - this.#ids.met / blocks,
    };
  }
}
