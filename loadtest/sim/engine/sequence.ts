import type { BlockLease } from './block-cache.ts';

/** One request as the engine sees it: sizes and hashes, no text. */
export interface EngineRequest {
  readonly id: string;
  readonly promptTokens: number;
  /** Tokens that it is going to make, at least 1. */
  readonly outputTokens: number;
  /** Chained hash of every whole block of prompt and output together, in order; entries never change. */
  readonly blocks: readonly number[];
}

/** A request inside the engine. */
export interface Sequence {
  readonly request: EngineRequest;
  readonly arrivedAt: number;
  /** Undefined while it waits. */
  lease: BlockLease | undefined;
  /** Tokens whose KV is there. */
  computed: number;
  generated: number;
  gone: boolean;
}
