/** What a piece of a prompt is: each kind has its own bytes per token. */
export type PartKind = 'tools' | 'system' | 'repository' | 'question' | 'tool-result' | 'answer' | 'summary';

/** A piece of a prompt. Equal ids are equal texts. */
export interface PromptPart {
  readonly id: number;
  readonly kind: PartKind;
  readonly tokens: number;
}

/** One request, with the whole conversation so far. */
export interface Turn {
  /** Names the conversation, as a session header would. */
  readonly session: string;
  /** Grows when what was said before is not sent any more: a new session, or a compaction. */
  readonly version: number;
  /**
   * In prompt order. Of one version they are only ever appended. The repository and the question after it are one message,
   * each of the others is one of its own. Tools and a system message come first where there are any.
   */
  readonly parts: readonly PromptPart[];
  /** What the model is going to say: its length is nobody's to know before. */
  readonly answer: PromptPart;
  readonly promptTokens: number;
  /** Prompt tokens that no engine can have seen: neither shared, nor sent or answered before. */
  readonly freshTokens: number;
}

/** Asks in a closed loop: whoever plays it asks, waits for the answer, then as long as it says. */
export interface Asker {
  /** Who it is in a run's records; requests of one client are one flow. */
  readonly client: string;
  /** How long after the begin of the run the first request comes, milliseconds. */
  firstDelay(): number;
  /** The next request. The one before must have been answered. */
  next(): Turn;
  /** The request was answered `nowMs` after the begin. Returns the time until the next one, milliseconds. */
  answered(turn: Turn, nowMs: number): number;
}

/** A request of an open loop: it is sent when it is due, whatever has become of those before. */
export interface Arrival {
  /** Since the run began, milliseconds. */
  readonly atMs: number;
  readonly client: string;
  readonly turn: Turn;
}

/** What is asked, and when: the same for the same seed, however fast the answers come. */
export interface Workload {
  readonly askers: readonly Asker[];
  /** In the order of their times. Iterating may throw, where they are read from a file. */
  readonly arrivals: AsyncIterable<Arrival>;
}
