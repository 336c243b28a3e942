/** A new generation begins when so much of the capacity has been filled: how exactly ages are told. */
const generationsPerCapacity = 64;

interface Generation {
  /** Of what was last used in it. */
  bytes: number;
  /** Newly put in during it. */
  fresh: number;
}

/**
 * How much of a cache was used since when, in generations: numbers that count up with what is newly put in, so that
 * "how much was used since" is a sum over at most some hundred of them.
 */
export class UseAges {
  /** The oldest first. */
  readonly #generations: Generation[] = [{ bytes: 0, fresh: 0 }];
  #first = 0;

  get current(): number {
    return this.#first + this.#generations.length - 1;
  }

  /** Something was newly put into a cache of this size. */
  grew(bytes: number, capacityBytes: number): void {
    const newest = this.#generations.at(-1);
    if (newest !== undefined) newest.fresh += bytes;
    if (newest !== undefined && newest.fresh < capacityBytes / generationsPerCapacity) return;
    this.#generations.push({ bytes: 0, fresh: 0 });
    while (this.#generations.length > 1 && this.#generations[0]?.bytes === 0) {
      this.#generations.shift();
      this.#first += 1;
    }
  }

  /** What was used in this generation is more, or less, by these bytes. */
  add(generation: number, bytes: number): void {
    const known = this.#generations[Math.max(0, generation - this.#first)];
    if (known !== undefined) known.bytes += bytes;
  }

  /** What was used after this generation. */
  bytesAfter(generation: number): number {
    let bytes = 0;
    for (let at = this.current; at > generation && at >= this.#first; at--)
      bytes += this.#generations[at - this.#first]?.bytes ?? 0;
    return bytes;
  }
}
