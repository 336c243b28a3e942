import type { PoolReplica } from '#shared/contract/replica.ts';
import type { Slot, SlotEnd } from './picker.ts';

/** What a slot's owner does when something changes; each is called at most once. */
export interface SlotBook {
  readonly ended: (end: SlotEnd) => void;
  readonly release: () => void;
}

/** A place on a replica that cannot be given back twice or forgotten: `using slot = …`. */
export class BookedSlot implements Slot {
  readonly replica: PoolReplica;
  readonly reason: string;
  readonly predictedCachedTokens: number;
  readonly #book: SlotBook;
  #ended = false;
  #released = false;

  constructor(place: { replica: PoolReplica; reason: string; predictedCachedTokens: number }, book: SlotBook) {
    this.replica = place.replica;
    this.reason = place.reason;
    this.predictedCachedTokens = place.predictedCachedTokens;
    this.#book = book;
  }

  ended(end: SlotEnd): void {
    if (this.#ended || this.#released) return;
    this.#ended = true;
    this.#book.ended(end);
  }

  [Symbol.dispose](): void {
    if (this.#released) return;
    this.#released = true;
    this.#book.release();
  }
}
