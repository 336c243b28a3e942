import type { Clock } from '#shared/runtime/clock.ts';
import type { AnswerNote, AnswerStore } from '../ledger/answer-store.ts';
import type { KeptAnswersLimits } from '../replicas/kept-answers.ts';

/** Where the stores of several routers within one process meet. */
export class MemoryAnswerShelf {
  readonly #notes = new Map<string, AnswerNote>();
  readonly #stores = new Set<MemoryAnswerStore>();
  readonly #limits: KeptAnswersLimits;
  readonly #clock: Clock;
  isCut = false;

  constructor(limits: KeptAnswersLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  open(own: () => Iterable<AnswerNote> = () => []): MemoryAnswerStore {
    const store = new MemoryAnswerStore(this, own);
    this.#stores.add(store);
    for (const note of own()) store.put(note);
    return store;
  }

  close(store: MemoryAnswerStore): void {
    this.#stores.delete(store);
  }

  put(note: AnswerNote): void {
    this.#notes.set(note.key, note);
    const newest = [...this.#notes.values()].toSorted((a, b) => b.givenAt - a.givenAt);
    for (const { key } of newest.slice(this.#limits.answersMax)) this.#notes.delete(key);
  }

  get(key: string): AnswerNote | undefined {
    const note = this.#notes.get(key);
    return note !== undefined && this.#clock.now() - note.givenAt < this.#limits.ttlMs ? note : undefined;
  }

  /** Joins it again; all that it had is gone. */
  heal(): void {
    this.isCut = false;
    this.#notes.clear();
    for (const store of this.#stores) for (const note of store.own()) store.put(note);
  }
}

/** A store within one process, for tests. */
class MemoryAnswerStore implements AnswerStore, AsyncDisposable {
  unwritten = 0;
  readonly #shelf: MemoryAnswerShelf;
  readonly own: () => Iterable<AnswerNote>;

  constructor(shelf: MemoryAnswerShelf, own: () => Iterable<AnswerNote>) {
    this.#shelf = shelf;
    this.own = own;
  }

  put(note: AnswerNote): void {
    if (this.#shelf.isCut) this.unwritten++;
    else this.#shelf.put(note);
  }

  get(key: string): Promise<AnswerNote | undefined> {
    if (this.#shelf.isCut) return Promise.reject(new Error('cut'));
    return Promise.resolve(this.#shelf.get(key));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#shelf.close(this);
    return Promise.resolve();
  }
}
