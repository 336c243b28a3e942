/** Which subjects of a stream have a message, and which of them a new reading of the stream has not met yet. */
export class KnownSubjects {
  readonly #seqs = new Map<string, number>();
  #unmet = new Set<string>();

  /** A stream that is new has other messages under the same sequences. */
  startReading(streamIsNew: boolean): void {
    if (streamIsNew) for (const subject of this.#seqs.keys()) this.#seqs.set(subject, 0);
    this.#unmet = new Set(this.#seqs.keys());
  }

  /** `again` for the very message that was seen before. */
  see(subject: string, seq: number, deleted: boolean): 'again' | 'news' {
    this.#unmet.delete(subject);
    const again = this.#seqs.get(subject) === seq;
    if (deleted) this.#seqs.delete(subject);
    else this.#seqs.set(subject, seq);
    return again ? 'again' : 'news';
  }

  /** Forgets, and gives, the subjects that were known and were not met. */
  endReading(): string[] {
    const missing = [...this.#unmet];
    for (const subject of missing) this.#seqs.delete(subject);
    this.#unmet.clear();
    return missing;
  }
}
