/** One request of a trace file, whatever its format. */
export interface TraceRow {
  /** Milliseconds, from whatever begin. */
  readonly timestamp: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Ids, one per block of the prompt: equal ids at equal positions are an equal prefix. Left out where the format has none. */
  readonly blocks?: readonly number[];
}

/** A line of a trace is not what its format says: which field, and what was expected. */
export class TraceFieldError extends Error {
  override readonly name = 'TraceFieldError';
}
