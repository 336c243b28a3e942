import { AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { within } from '#shared/runtime/within.ts';
import { SharedRoom } from '../admit/shared-room.ts';
import type { KeptAnswer, KeptAnswers } from '../replicas/kept-answers.ts';
import { askMs, type AnswerNote, type AnswerStore } from './answer-store.ts';
import type { LedgerMessage } from './ledger-message.ts';

/** Questions under way at once, shared out between endpoints. */
const questionsMax = 512;
/** When to come back, milliseconds: a connection to the store is made anew within a second, and its notes are written in another. */
const retryAfterMs = 2000;

/**
 * Lets all routers know which replica keeps which answer. Each one is told to all, and noted in the store; who meets an id
 * that it has not heard of (its message was lost, or this router has started since) asks the store, once.
 */
export class AnswerSync {
  /** Ids that were not looked for: too many questions were under way. */
  refused = 0;
  readonly #router: string;
  readonly #answers: KeptAnswers;
  readonly #store: AnswerStore | undefined;
  readonly #publish: (message: LedgerMessage) => void;
  readonly #clock: Clock;
  readonly #questions = new SharedRoom(questionsMax);

  /** Without a store this router knows what it has heard. */
  constructor(parts: {
    router: string;
    answers: KeptAnswers;
    store: AnswerStore | undefined;
    publish: (message: LedgerMessage) => void;
    clock: Clock;
  }) {
    this.#router = parts.router;
    this.#answers = parts.answers;
    this.#store = parts.store;
    this.#publish = parts.publish;
    this.#clock = parts.clock;
  }

  /** An engine of this router's has begun to give an answer, and keeps it. */
  keep(key: string, answer: KeptAnswer): void {
    const now = this.#clock.monotonic();
    this.#answers.put(key, { answer, givenAt: now, isOwn: true }, now);
    this.#store?.put({ key, answer, givenAt: this.#clock.now() });
    this.#publish({ kind: 'kept', from: this.#router, key, ...answer, ageMs: 0 });
  }

  /**
   * Who keeps an answer; `owner` is whose share of the questions it takes. Waits only if nobody here has heard of it.
   * @throws AppError `overloaded`, `unavailable`: it was not looked up, and may well be kept. Undefined would be final.
   */
  async find(key: string, owner: string): Promise<KeptAnswer | undefined> {
    const known = this.#get(key);
    if (known !== undefined || this.#store === undefined) return known;
    if (!this.#questions.take(owner, 1)) {
      this.refused++;
      throw new AppError('overloaded', { message: 'Too many answers are being looked up right now.', retryAfterMs });
    }
    try {
      const note = await within(this.#store.get(key), askMs, { clock: this.#clock });
      if (note !== undefined) this.#learn(key, note.answer, Math.max(0, this.#clock.now() - note.givenAt));
    } catch (cause) {
      const message = 'It cannot be looked up right now where this answer is kept.';
      // What was heard meanwhile counts.
      if (this.#get(key) === undefined) throw new AppError('unavailable', { message, retryAfterMs, cause });
    } finally {
      this.#questions.giveBack(owner, 1);
    }
    return this.#get(key);
  }

  /** Takes a message of another router; those that do not concern answers are left alone. */
  hear(message: LedgerMessage): void {
    if (message.kind !== 'kept') return;
    const { kind: _kind, from: _from, key, ageMs, ...answer } = message;
    this.#learn(key, answer, ageMs);
  }

  /** What this router's engines keep, the oldest first, for a store that may have forgotten it. */
  *own(): Generator<AnswerNote> {
    for (const [key, { answer, givenAt }] of this.#answers.own())
      yield { key, answer, givenAt: Math.round(this.#clock.now() - this.#clock.monotonic() + givenAt) };
  }

  #get(key: string): KeptAnswer | undefined {
    return this.#answers.get(key, this.#clock.monotonic())?.answer;
  }

  #learn(key: string, answer: KeptAnswer, ageMs: number): void {
    const now = this.#clock.monotonic();
    this.#answers.put(key, { answer, givenAt: now - ageMs, isOwn: false }, now);
  }
}
