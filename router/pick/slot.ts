import type { PoolReplica } from '#shared/contract/replica.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import type { MoveReason, Slot } from './picker.ts';

/** What a slot's owner does when something changes; each but `kept` and `heard` is called at most once. */
export interface SlotBook {
  readonly accepted?: () => void;
  readonly began?: () => void;
  readonly kept?: (key: string) => void;
  readonly heard?: () => void;
  readonly ended: (end: SlotEnd) => void;
  readonly release: () => void;
}

/** A place on a replica that cannot be given back twice or forgotten: `using slot = …`. */
export class BookedSlot implements Slot {
  readonly replica: PoolReplica;
  readonly reason: string;
  readonly scores: Slot['scores'];
  readonly predictedCachedTokens: number;
  readonly #book: SlotBook;
  #listener: ((reason: MoveReason) => void) | undefined;
  #accepted = false;
  #began = false;
  #ended = false;
  #released = false;

  constructor(place: Pick<Slot, 'replica' | 'reason' | 'scores' | 'predictedCachedTokens'>, book: SlotBook) {
    this.replica = place.replica;
    this.reason = place.reason;
    this.scores = place.scores;
    this.predictedCachedTokens = place.predictedCachedTokens;
    this.#book = book;
  }

  onMove(listener: (reason: MoveReason) => void): void {
    this.#listener = listener;
  }

  /** Its request had better go elsewhere. */
  move(reason: MoveReason): void {
    if (!this.#ended) this.#listener?.(reason);
  }

  accepted(): void {
    if (this.#accepted || this.#ended || this.#released) return;
    this.#accepted = true;
    this.#book.accepted?.();
  }

  began(): void {
    if (this.#began || this.#ended || this.#released) return;
    this.#began = true;
    this.#book.began?.();
  }

  kept(key: string): void {
    this.#book.kept?.(key);
  }

  heard(): void {
    this.#book.heard?.();
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
