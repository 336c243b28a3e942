import type { Clock } from '#shared/runtime/clock.ts';
import { within } from '#shared/runtime/within.ts';
import { SharedRoom } from '../admit/shared-room.ts';
import type { KeptAnswer, KeptAnswers } from '../replicas/kept-answers.ts';
import type { LedgerMessage } from './ledger-message.ts';

/** What it works with. */
export interface AnswerSyncOptions {
  readonly router: string;
  readonly answers: KeptAnswers;
  readonly publish: (message: LedgerMessage) => void;
  /** Whether there is another router that hears us. */
  readonly isHeard: () => boolean;
  readonly clock: Clock;
}

/** How long others get to say that they know an answer, milliseconds: some times what a message takes. */
const askMs = 250;
/** Questions under way at once, shared out between pools. */
const questionsMax = 512;

/**
 * Lets all routers know which replica keeps which answer. Each one is told to all; who meets an id that it has not heard of
 * (its message is on the way or was lost, or this router has just started) asks the others, and waits a little.
 */
export class AnswerSync {
  /** Ids that nobody was asked for: too many questions were under way. */
  refused = 0;
  readonly #options: AnswerSyncOptions;
  readonly #questions = new SharedRoom(questionsMax);
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();

  constructor(options: AnswerSyncOptions) {
    this.#options = options;
  }

  /** An engine of this router's has begun to give an answer, and keeps it. */
  keep(key: string, answer: KeptAnswer): void {
    const now = this.#options.clock.monotonic();
    this.#options.answers.put(key, answer, { givenAt: now, now });
    this.#tell(key, undefined);
  }

  /** Who keeps an answer; `owner` is whose share of the questions it takes. Waits only if nobody here has heard of it. */
  async find(key: string, owner: string): Promise<KeptAnswer | undefined> {
    const { isHeard, publish, router, clock } = this.#options;
    const known = this.#get(key);
    if (known !== undefined || !isHeard()) return known;
    if (!this.#questions.take(owner, 1)) return void this.refused++;
    const waiting = this.#waiting.get(key) ?? Promise.withResolvers();
    this.#waiting.set(key, waiting);
    publish({ kind: 'kept-ask', from: router, key });
    // Whoever does not hear of it in time looks once more: it may have come to another one's question.
    await within(waiting.promise, askMs, { clock }).catch(() => {});
    this.#waiting.delete(key);
    this.#questions.giveBack(owner, 1);
    return this.#get(key);
  }

  /** Takes a message of another router; those that do not concern answers are left alone. */
  hear(message: LedgerMessage): void {
    if (message.kind === 'kept-ask') return this.#tell(message.key, message.from);
    if (message.kind !== 'kept') return;
    const { kind: _kind, from: _from, to: _to, key, ageMs, ...answer } = message;
    const now = this.#options.clock.monotonic();
    this.#options.answers.put(key, answer, { givenAt: now - ageMs, now });
    this.#waiting.get(key)?.resolve();
  }

  #get(key: string): KeptAnswer | undefined {
    return this.#options.answers.get(key, this.#options.clock.monotonic())?.answer;
  }

  /** To all, or to the one who asks. */
  #tell(key: string, to: string | undefined): void {
    const { answers, publish, router, clock } = this.#options;
    const now = clock.monotonic();
    const entry = answers.get(key, now);
    if (entry === undefined) return;
    const { answer, givenAt } = entry;
    publish({ kind: 'kept', from: router, ...(to !== undefined && { to }), key, ...answer, ageMs: now - givenAt });
  }
}
