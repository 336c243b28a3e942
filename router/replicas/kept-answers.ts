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

/** What is remembered of one. */
export interface KeptEntry {
  readonly answer: KeptAnswer;
  /** Monotonic milliseconds. */
  readonly givenAt: number;
  /** This router's engine gave it. */
  readonly isOwn: boolean;
}

/** Which replica keeps which answer, by keyed hash of the answer's id; the oldest goes when there are too many. */
export class KeptAnswers {
  /** Answers that were forgotten before their time, for want of room. */
  forgotten = 0;
  readonly #limits: KeptAnswersLimits;
  readonly #entries = new Map<string, KeptEntry>();

  constructor(limits: KeptAnswersLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Remembers one in the place of all others of its key. */
  put(key: string, { answer, givenAt, isOwn }: KeptEntry, now: number): void {
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
    this.#entries.set(key, { answer, givenAt, isOwn });
  }

  get(key: string, now: number): KeptEntry | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && this.#isFresh(entry, now) ? entry : undefined;
  }

  /** Those that this router's engines gave, the oldest first; more may be put meanwhile. */
  *own(): Generator<readonly [key: string, KeptEntry]> {
    for (const entry of this.#entries) if (entry[1].isOwn) yield entry;
  }

  #isFresh({ givenAt }: KeptEntry, now: number): boolean {
    return now - givenAt < this.#limits.ttlMs;
  }
}
