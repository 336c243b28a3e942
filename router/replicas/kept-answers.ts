/** An answer that an engine keeps, so that clients may ask for it or go on from it by its id. */
export interface KeptAnswer {
  readonly replica: string;
  /** The replica's, of its engine: with it the answer is gone. */
  readonly process: string;
  /** What its conversation is placed by: the key of the first user message; 0 if it has none. */
  readonly root: bigint;
  /** The last key of its prompt, which the next turn's follow; 0 if it has none. */
  readonly tip: bigint;
  /** Bytes of the conversation up to there. */
  readonly bytes: number;
}

/** Bounds of what is remembered; time in milliseconds. */
export interface KeptAnswersLimits {
  readonly answersMax: number;
  readonly ttlMs: number;
}

interface Entry {
  readonly answer: KeptAnswer;
  /** Monotonic milliseconds. */
  readonly givenAt: number;
}

/** Which replica keeps which answer, by keyed hash of the answer's id; the oldest goes when there are too many. */
export class KeptAnswers {
  /** Answers that were forgotten before their time, for want of room. */
  forgotten = 0;
  readonly #limits: KeptAnswersLimits;
  readonly #entries = new Map<string, Entry>();

  constructor(limits: KeptAnswersLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Remembers one that was given at `givenAt`. */
  put(key: string, answer: KeptAnswer, { givenAt, now }: { givenAt: number; now: number }): void {
    for (const [oldest, entry] of this.#entries) {
      if (this.#isFresh(entry, now)) break;
      this.#entries.delete(oldest);
    }
    this.#entries.delete(key);
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size >= this.#limits.answersMax) {
      this.#entries.delete(oldest);
      this.forgotten++;
    }
    this.#entries.set(key, { answer, givenAt });
  }

  get(key: string, now: number): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && this.#isFresh(entry, now) ? entry : undefined;
  }

  #isFresh({ givenAt }: Entry, now: number): boolean {
    return now - givenAt < this.#limits.ttlMs;
  }
}
