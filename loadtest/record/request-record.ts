/**
 * One request as its client saw it: a line of a run's `requests.jsonl`. Times are milliseconds since the run began. A client that
 * is sent away, or whose answer breaks off, asks again: each such try is a record of its own, and the one that is answered
 * counts from the first try. What the run's end cut off is `unfinished`, also from the first try; what was due when its sender
 * had too many under way is `unsent`.
 */
export interface RequestRecord {
  readonly outcome: 'done' | 'refused' | 'broken' | 'unsent' | 'unfinished';
  /** The status or error that a try ended with; left out where it did not end with one. */
  readonly code?: string;
  /** Who asked: an engineer, a flow, a trace. */
  readonly client: string;
  /** When it was meant to be sent, also if the sender was late. */
  readonly askedAt: number;
  /** How much later than that it went out, milliseconds: a sender's own fault. Left out where nothing is sent. */
  readonly lateMs?: number;
  /** Of the first token; where none came, of the end. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** As the engine counts them, else as the workload does. */
  readonly promptTokens: number;
  /** What the engine said that it had cached; left out where it says nothing of that. */
  readonly cachedTokens?: number;
  /** Prompt tokens that no cache can have had; left out where nobody knows. */
  readonly freshTokens?: number;
  readonly outputTokens: number;
}

/** What counts as good: first token within 2 s, and 50 ms between tokens on average. */
export const good = { ttftMs: 2000, itlMs: 50 } as const;

/** From when it was meant to be sent to the first token. */
export function ttftMs({ askedAt, firstAt }: RequestRecord): number {
  return firstAt - askedAt;
}

/** Mean time between two tokens; 0 for a single one. */
export function itlMs({ firstAt, lastAt, outputTokens }: RequestRecord): number {
  return outputTokens < 2 ? 0 : (lastAt - firstAt) / (outputTokens - 1);
}

/** Whether it was answered well. */
export function isGood(record: RequestRecord): boolean {
  return record.outcome === 'done' && ttftMs(record) <= good.ttftMs && itlMs(record) <= good.itlMs;
}

/** The least value that at least this share of all is not above; 0 of none. `sorted`: ascending. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
}
