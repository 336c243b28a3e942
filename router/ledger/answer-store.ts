import type { KeptAnswer } from '../replicas/kept-answers.ts';

/** How long a question to a store may take, milliseconds: longer than this process stands still when it is short of CPU. */
export const askMs = 1000;

/** Which replica keeps an answer, as one router notes it for those that have not heard of it. */
export interface AnswerNote {
  /** Keyed hash of the answer's id. */
  readonly key: string;
  readonly answer: KeptAnswer;
  /** Milliseconds since the epoch. */
  readonly givenAt: number;
}

/**
 * What outlives routers of kept answers: hints, each for its time, of which only the newest are held. No promise that any of
 * them is there: whoever asks must do without.
 */
export interface AnswerStore {
  /** Notes that were not taken when they were made. */
  readonly unwritten: number;
  /** Notes soon; never waits and never throws. */
  put(note: AnswerNote): void;
  /** Undefined if it is not there; fails, within its own time or at once, while the store is away, or may lack what it had. */
  get(key: string): Promise<AnswerNote | undefined>;
}
