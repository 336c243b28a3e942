import { leastDeviations, type Observation } from './least-deviations.ts';

/** What an engine has to compute of a prompt, and what its cache has of it before that. */
export interface Prefill {
  readonly cachedTokens: number;
  readonly uncachedTokens: number;
}

/** Prompts below are most of all: they are remembered apart, so that they do not push the others out. */
const smallTokens = 4096;
/** Answers that are remembered of each kind, and those without which nothing is said. */
const [windowSize, samplesMin] = [64, 8] as const;
/** How often all is fitted anew while the answers that are remembered are replaced once. */
const fitsPerTurnover = 16;
/** Prompts of more than so many times the greatest that was seen are unknown. */
const reachMax = 16;
/** What an answer may be late for reasons that no prompt explains, seconds: a step of the engine, the network. */
const stepSeconds = 0.03;
/**
 * Proportions of seconds per request, per token, and per unit of (cached + uncached)² − cached², that is, of attention:
 * those of a 30B-A3B on an H200, 20 ms, 20 µs and 6.2e-10. What a pool shows decides as soon as it tells them apart.
 */
const guess = [0.02, 2e-5, 6.2e-10] as const;

/** The last answers to prompts of one kind. */
class Window {
  readonly samples: Observation[] = [];
  #next = 0;

  add(sample: Observation): void {
    this.samples[this.#next] = sample;
    this.#next = (this.#next + 1) % windowSize;
  }
}

interface Learned {
  readonly small: Window;
  readonly large: Window;
  coefficients: readonly number[];
  /** Tokens of the greatest prompt among them. */
  greatest: number;
  /** Answers since the last fit. */
  unlearned: number;
}

/**
 * How long the engines of a pool take to the first content: a part per request, one per token that they compute, and one
 * for attention, which grows with what is cached before it, too. Learned from what the last answers took, half of which
 * may be wrong without moving it far (a cold cache, a queue inside, a replica that is ill).
 */
export class PrefillPace {
  readonly #pools = new Map<string, Learned>();

  /** Seconds to the first content; undefined until enough of the kind has been seen. */
  secondsFor(pool: string, prefill: Prefill): number | undefined {
    const known = this.#pools.get(pool);
    if (known === undefined || known.coefficients.length === 0) return undefined;
    if (prefill.uncachedTokens > reachMax * known.greatest) return undefined;
    const { cachedTokens, uncachedTokens } = prefill;
    const [perRequest = 0, perToken = 0, perPair = 0] = known.coefficients;
    const seconds = perRequest + perToken * uncachedTokens + perPair * pairsOf(cachedTokens, uncachedTokens);
    // To the microsecond: what a fit leaves behind that is nobody's time. Never none: what comes after is a share of it.
    return Math.max(1, Math.round(1e6 * seconds)) / 1e6;
  }

  /** What of them every request takes, however short its prompt. */
  secondsPerRequest(pool: string): number {
    return this.#pools.get(pool)?.coefficients[0] ?? 0;
  }

  /** The first content came after so many seconds, of which `doubt` may have been a queue's. */
  learn(pool: string, prefill: Prefill, { seconds, doubt }: { seconds: number; doubt: number }): void {
    const known = this.#pools.get(pool) ?? {
      small: new Window(),
      large: new Window(),
      coefficients: [],
      greatest: 0,
      unlearned: 0,
    };
    this.#pools.set(pool, known);
    const { cachedTokens, uncachedTokens } = prefill;
    const amounts = [1, uncachedTokens, pairsOf(cachedTokens, uncachedTokens)];
    const window = uncachedTokens < smallTokens ? known.small : known.large;
    window.add({ amounts, value: seconds, doubt: doubt + stepSeconds });
    const all = [...known.small.samples, ...known.large.samples];
    known.unlearned += 1;
    if (all.length < samplesMin || known.unlearned * fitsPerTurnover < all.length) return;
    known.unlearned = 0;
    known.coefficients = leastDeviations(all, guess);
    known.greatest = all.reduce((most, one) => Math.max(most, one.amounts[1] ?? 0), 1);
  }

  /** Forgets all pools but these. */
  keep(pools: ReadonlySet<string>): void {
    for (const pool of this.#pools.keys()) if (!pools.has(pool)) this.#pools.delete(pool);
  }
}

function pairsOf(cached: number, uncached: number): number {
  return uncached * (2 * cached + uncached);
}
