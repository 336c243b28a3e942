/** A subject whose message is gone, and whether the stream was made again in between. */
export interface AbsentSubject {
  subject: string;
  streamIsNew: boolean;
}

/** Which subjects have a message, and which of them a new reading of the stream has not met yet. */
export class KnownSubjects {
  readonly #seqs = new Map<string, number>();
  #unseen: Set<string> | undefined;
  #streamIsNew = false;

  /** A stream that is new has other messages under the same sequences. */
  startReading(streamIsNew: boolean): void {
    // A reading that was interrupted may already have met a new stream.
    this.#streamIsNew = streamIsNew || (this.#unseen !== undefined && this.#streamIsNew);
    if (streamIsNew) for (const subject of this.#seqs.keys()) this.#seqs.set(subject, 0);
    this.#unseen = new Set(this.#seqs.keys());
  }

  /** `again` for the very message that was seen before. */
  see(subject: string, seq: number, deleted: boolean): 'again' | 'news' {
    this.#unseen?.delete(subject);
    const again = this.#seqs.get(subject) === seq;
    if (deleted) this.#seqs.delete(subject);
    else this.#seqs.set(subject, seq);
    return again ? 'again' : 'news';
  }

  /** The subjects that were known and were not met; they are known no more. */
  endReading(): AbsentSubject[] {
    const absent = [...(this.#unseen ?? [])];
    for (const subject of absent) this.#seqs.delete(subject);
    this.#unseen = undefined;
    return absent.map((subject) => ({ subject, streamIsNew: this.#streamIsNew }));
  }
}
