import { isGood, itlMs, quantile, ttftMs, type RequestRecord } from './request-record.ts';

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
  /** Prompt tokens that were computed per token that no cache could have had; NaN where nobody knows that. */
  readonly amplification: number;
  readonly meanContext: number;
  readonly inFlightMax: number;
  /** Requests that were sent away (429, 503), and those whose answer broke off. */
  readonly refused: number;
  readonly broken: number;
  /** How many tries ended with which status or error. */
  readonly codes: Readonly<Record<string, number>>;
}

/** Collects what clients see. What ended before the warm-up was over does not count. */
export class Observer {
  readonly #from: number;
  readonly #done: RequestRecord[] = [];
  readonly #codes = new Map<string, number>();
  #inFlightMax = 0;
  #refused = 0;
  #broken = 0;

  constructor(warmUpMs: number) {
    this.#from = warmUpMs;
  }

  asked(inFlight: number): void {
    this.#inFlightMax = Math.max(this.#inFlightMax, inFlight);
  }

  add(record: RequestRecord): void {
    if (record.lastAt < this.#from) return;
    if (record.outcome === 'done') this.#done.push(record);
    else this.#codes.set(record.code ?? '', (this.#codes.get(record.code ?? '') ?? 0) + 1);
    if (record.outcome === 'refused') this.#refused += 1;
    if (record.outcome === 'broken') this.#broken += 1;
  }

  figures(until: number): Figures {
    const seconds = (until - this.#from) / 1000;
    const seen = this.#done;
    const sum = (of: (one: RequestRecord) => number): number => seen.reduce((total, one) => total + of(one), 0);
    const ttfts = Float64Array.from(seen, ttftMs).toSorted();
    const secondsAt = (share: number): number => quantile(ttfts, share) / 1000;
    const paced = seen.filter(({ outputTokens }) => outputTokens > 1);
    const goodCount = seen.filter(isGood).length;
    const promptTokens = sum((one) => one.promptTokens);
    const cachedTokens = sum((one) => one.cachedTokens);
    return {
      requestsPerSecond: seen.length / seconds,
      hits: cachedTokens / promptTokens,
      ttft: {
        mean: sum(ttftMs) / seen.length / 1000,
        p50: secondsAt(0.5),
        p95: secondsAt(0.95),
        p99: secondsAt(0.99),
      },
      meanItlMs: paced.reduce((total, one) => total + itlMs(one), 0) / paced.length,
      goodput: goodCount / seconds,
      good: goodCount / seen.length,
      amplification: (promptTokens - cachedTokens) / sum((one) => one.freshTokens ?? Number.NaN),
      meanContext: promptTokens / seen.length,
      inFlightMax: this.#inFlightMax,
      refused: this.#refused,
      broken: this.#broken,
      codes: Object.fromEntries(this.#codes),
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
