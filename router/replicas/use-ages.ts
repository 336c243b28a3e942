/** A new generation begins when so much of the capacity has been filled: how exactly ages are told. */
const generationsPerCapacity = 64;
/** Over how many generations it is measured how fast a cache fills. */
const rateGenerations = 16;

interface Generation {
  readonly startedAt: number;
  /** Of what was last used in it. */
  bytes: number;
  /** Newly put in during it. */
  fresh: number;
}

/**
 * How much of a cache was used since when, in generations: numbers that count up with what is newly put in, so that
 * "how much was used since" is a sum over at most some hundred of them. Times are monotonic milliseconds.
 */
export class UseAges {
  /** The oldest first. */
  readonly #generations: Generation[];
  #first = 0;

  constructor(now: number) {
    this.#generations = [{ startedAt: now, bytes: 0, fresh: 0 }];
  }

  get current(): number {
    return this.#first + this.#generations.length - 1;
  }

  /** Something was newly put into a cache of this size. */
  grew(bytes: number, capacityBytes: number, now: number): void {
    const newest = this.#generations.at(-1);
    if (newest !== undefined) newest.fresh += bytes;
    if (newest !== undefined && newest.fresh < capacityBytes / generationsPerCapacity) return;
    this.#generations.push({ startedAt: now, bytes: 0, fresh: 0 });
    while (this.#generations.length > rateGenerations + 1 && this.#generations[0]?.bytes === 0) {
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

  /** How fast the cache fills, bytes per millisecond, measured over the last generations; undefined at first. */
  rate(now: number): number | undefined {
    const last = this.#generations.slice(-1 - rateGenerations);
    const [oldest] = last;
    if (oldest === undefined || last.length < 2 || now <= oldest.startedAt) return undefined;
    return last.reduce((sum, { fresh }) => sum + fresh, 0) / (now - oldest.startedAt);
  }
}
