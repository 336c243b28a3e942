/** A generation ends after so long, milliseconds, or when such a share of the capacity was filled in it: how exactly ages are told. */
const [generationMs, generationShare] = [2500, 1 / 64] as const;
/** Of more than so many the oldest are told as one. */
const generationsMax = 512;
/**
 * What was used within this time is warm, milliseconds: the next step of most conversations follows sooner. Chosen with the
 * share of the cache that may be warm (`../pick/policies/candidate.ts`).
 */
const warmMs = 20_000;

interface Generation {
  readonly startedAt: number;
  usedAt: number;
  /** Of what was last used in it. */
  bytes: number;
  /** Newly put in during it. */
  fresh: number;
}

/**
 * How much of a cache was used since when, in generations: numbers that count up, so that "how much was used since" is a
 * sum over at most some hundred of them. Times are monotonic milliseconds.
 */
export class UseAges {
  /** The oldest first. */
  readonly #generations: Generation[];
  #first = 0;
  /** The oldest generation that was warm at the last look, and the bytes from there on. */
  #warmFrom = 0;
  #warmBytes = 0;

  constructor(now: number) {
    this.#generations = [{ startedAt: now, usedAt: now, bytes: 0, fresh: 0 }];
  }

  get current(): number {
    return this.#first + this.#generations.length - 1;
  }

  /** Something is about to be used in a cache of this size: it is time for another generation, or not. */
  advance(now: number, capacityBytes: number): void {
    const newest = this.#generations.at(-1);
    if (newest && now - newest.startedAt < generationMs && newest.fresh < generationShare * capacityBytes)
      return void (newest.usedAt = now);
    this.#generations.push({ startedAt: now, usedAt: now, bytes: 0, fresh: 0 });
    for (let [first, second] = this.#generations; first && second; [first, second] = this.#generations) {
      if (first.bytes > 0 && this.#generations.length <= generationsMax) return;
      this.#generations.shift();
      this.#first += 1;
      second.bytes += first.bytes;
      if (this.#first === this.#warmFrom) this.#warmBytes += first.bytes;
    }
  }

  /** Something was newly put in. */
  grew(bytes: number): void {
    const newest = this.#generations.at(-1);
    if (newest !== undefined) newest.fresh += bytes;
  }

  /** What was used in this generation is more, or less, by these bytes. */
  add(generation: number, bytes: number): void {
    const at = Math.max(generation, this.#first);
    const known = this.#generations[at - this.#first];
    if (known !== undefined) known.bytes += bytes;
    if (at >= this.#warmFrom) this.#warmBytes += bytes;
  }

  /** What is warm. */
  warmBytes(now: number): number {
    for (; this.#warmFrom <= this.current; this.#warmFrom += 1) {
      const { usedAt = -Infinity, bytes = 0 } = this.#generations[this.#warmFrom - this.#first] ?? {};
      if (usedAt > now - warmMs) break;
      this.#warmBytes -= bytes;
    }
    return this.#warmBytes;
  }

  /** What was used after this generation. */
  bytesAfter(generation: number): number {
    let bytes = 0;
    for (let at = this.current; at > Math.max(generation, this.#first); at--)
      bytes += this.#generations[at - this.#first]?.bytes ?? 0;
    return bytes;
  }
}
