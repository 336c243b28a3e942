/** Prompts below take the time of a step of the engine, whatever their length, bytes. */
const smallBytes = 16 * 1024;
/** Answers that are remembered of each kind, and those without which nothing is said. */
const [windowSize, samplesMin] = [64, 8];

/** What the last answers took: seconds of small prompts, seconds per byte of others. */
class Window {
  readonly #samples: number[] = [];
  #next = 0;
  median: number | undefined;

  add(sample: number): void {
    this.#samples[this.#next] = sample;
    this.#next = (this.#next + 1) % windowSize;
    const sorted = this.#samples.toSorted((a, b) => a - b);
    this.median = sorted.length < samplesMin ? undefined : sorted[sorted.length >> 1];
  }
}

/**
 * How long the engines of a pool take to the first content, learned from what they took: the median of the last answers,
 * which half of them may be wrong without moving it far (a cold cache, a queue inside, a replica that is ill).
 */
export class PrefillPace {
  readonly #pools = new Map<string, { readonly small: Window; readonly perByte: Window }>();

  /** Seconds to compute so many bytes of prompt; undefined until enough of the kind has been seen. */
  secondsFor(pool: string, bytes: number): number | undefined {
    const known = this.#pools.get(pool);
    if (known === undefined) return undefined;
    const small = known.small.median;
    const perByte = known.perByte.median;
    if (bytes < smallBytes && small !== undefined) return small;
    return perByte === undefined ? undefined : Math.max(small ?? 0, perByte * Math.max(bytes, smallBytes));
  }

  /** How many bytes are computed in so many seconds; 0 until that is known. */
  bytesIn(pool: string, seconds: number): number {
    const perByte = this.#pools.get(pool)?.perByte.median;
    return perByte === undefined || perByte === 0 ? 0 : seconds / perByte;
  }

  /** The first content came so many seconds after so many bytes that had to be computed before it. */
  learn(pool: string, bytes: number, seconds: number): void {
    const known = this.#pools.get(pool) ?? { small: new Window(), perByte: new Window() };
    this.#pools.set(pool, known);
    if (bytes < smallBytes) known.small.add(seconds);
    else known.perByte.add(seconds / bytes);
  }

  /** Forgets all pools but these. */
  keep(pools: ReadonlySet<string>): void {
    for (const pool of this.#pools.keys()) if (!pools.has(pool)) this.#pools.delete(pool);
  }
}
