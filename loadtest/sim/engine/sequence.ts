import type { BlockLease } from './block-cache.ts';

/** One request as the engine sees it: sizes and hashes, no text. */
export interface EngineRequest {
  readonly id: string;
  readonly promptTokens: number;
  /** Tokens that it is going to make, at least 1; nothing is planned by it. */
  readonly outputTokens: number;
  /** Chained hash of every whole block of prompt and output together, in order; entries never change. */
  readonly blocks: readonly number[];
}

/** A request inside the engine. */
export class Sequence {
  readonly request: EngineRequest;
  readonly arrivedAt: number;
  /** Undefined while it waits. */
  lease: BlockLease | undefined;
  /** Tokens whose KV is there. */
  computed = 0;
  generated = 0;
  /** How often it had to give up its blocks and start again. */
  preemptions = 0;
  gone = false;

  constructor(request: EngineRequest, arrivedAt: number) {
    this.request = request;
    this.arrivedAt = arrivedAt;
  }

  /** Tokens that are known: those of the prompt and those made so far. */
  get tokens(): number {
    return this.request.promptTokens + this.generated;
  }

  /** Whether all that is left to compute is the token that it made last. */
  get decodes(): boolean {
    return this.generated > 0 && this.computed === this.tokens - 1;
  }
}
