/** One request as its client saw it; times in milliseconds of the scenario. */
export interface Seen {
  readonly askedAt: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly outputTokens: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly freshTokens: number;
}

/** What a run comes to; times in seconds. */
export interface Figures {
  readonly requestsPerSecond: number;
  /** Prompt tokens that came out of caches, as a share. */
  readonly hits: number;
  readonly ttft: { readonly mean: number; readonly p50: number; readonly p95: number; readonly p99: number };
  readonly meanItlMs: number;
  /** Requests per second with a first token and a pace that are good enough. */
  readonly goodput: number;
  /** Share of such requests. */
  readonly good: number;
  /** Prompt tokens that were computed per token that no cache could have had. */
  readonly amplification: number;
  readonly meanContext: number;
  readonly inFlightMax: number;
  /** Requests that were sent away (429, 503), and those whose answer broke off. */
  readonly refused: number;
  readonly broken: number;
}

/** What counts as good: first token within 2 s, and 50 ms between tokens on average. */
const good = { ttftMs: 2000, itlMs: 50 } as const;

/** Collects what clients see. What ended before the warm-up was over does not count. */
export class Observer {
  readonly #from: number;
  readonly #seen: Seen[] = [];
  #inFlightMax = 0;
  #refused = 0;
  #broken = 0;

  constructor(warmUpMs: number) {
    this.#from = warmUpMs;
  }

  asked(inFlight: number): void {
    this.#inFlightMax = Math.max(this.#inFlightMax, inFlight);
  }

  done(seen: Seen): void {
    if (seen.lastAt >= this.#from) this.#seen.push(seen);
  }

  refused(at: number): void {
    if (at >= this.#from) this.#refused += 1;
  }

  broken(at: number): void {
    if (at >= this.#from) this.#broken += 1;
  }

  figures(until: number): Figures {
    const seconds = (until - this.#from) / 1000;
    const seen = this.#seen;
    const sum = (of: (one: Seen) => number): number => seen.reduce((total, one) => total + of(one), 0);
    const ttfts = Float64Array.from(seen, ttftMs).toSorted();
    const quantile = (share: number): number => (ttfts[Math.ceil(share * ttfts.length) - 1] ?? 0) / 1000;
    const paced = seen.filter(({ outputTokens }) => outputTokens > 1);
    const goodCount = seen.filter((one) => ttftMs(one) <= good.ttftMs && itlMs(one) <= good.itlMs).length;
    const promptTokens = sum((one) => one.promptTokens);
    const cachedTokens = sum((one) => one.cachedTokens);
    return {
      requestsPerSecond: seen.length / seconds,
      hits: cachedTokens / promptTokens,
      ttft: {
        mean: sum(ttftMs) / seen.length / 1000,
        p50: quantile(0.5),
        p95: quantile(0.95),
        p99: quantile(0.99),
      },
      meanItlMs: paced.reduce((total, one) => total + itlMs(one), 0) / paced.length,
      goodput: goodCount / seconds,
      good: goodCount / seen.length,
      amplification: (promptTokens - cachedTokens) / sum((one) => one.freshTokens),
      meanContext: promptTokens / seen.length,
      inFlightMax: this.#inFlightMax,
      refused: this.#refused,
      broken: this.#broken,
    };
  }
}

/** Figures as one line. */
export function lineOf(figures: Figures): string {
  const { ttft } = figures;
  const times = [ttft.mean, ttft.p50, ttft.p95, ttft.p99].map((seconds) => seconds.toFixed(2)).join('/');
  return [
    `${figures.requestsPerSecond.toFixed(2)} req/s`,
    `hits ${(100 * figures.hits).toFixed(1)} %`,
    `TTFT mean/p50/p95/p99 ${times} s`,
    `ITL ${figures.meanItlMs.toFixed(1)} ms`,
    `goodput ${figures.goodput.toFixed(2)}/s (${(100 * figures.good).toFixed(1)} %)`,
    `amplification ${figures.amplification.toFixed(2)}`,
    `context ${(figures.meanContext / 1000).toFixed(1)}k`,
    `in flight ≤ ${figures.inFlightMax}`,
    `refused ${figures.refused}`,
    `broken ${figures.broken}`,
  ].join(' · ');
}

function ttftMs({ askedAt, firstAt }: Seen): number {
  return firstAt - askedAt;
}

/** Mean time between two tokens; 0 for a single one. */
function itlMs({ firstAt, lastAt, outputTokens }: Seen): number {
  return outputTokens < 2 ? 0 : (lastAt - firstAt) / (outputTokens - 1);
}
