import { good, isGood, itlMs, quantile, ttftMs, type RequestRecord } from './request-record.ts';

/** How values lie. */
export interface Spread {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** What a run comes to; times in seconds. */
export interface Figures {
  readonly requestsPerSecond: number;
  /** Prompt tokens that came out of caches, as a share. Silence counts as none beside others that tell; NaN where nobody tells. */
  readonly hits: number;
  readonly ttft: Spread;
  /** Of whole answers, from when they were meant to be asked for. */
  readonly e2e?: Spread;
  /** Share of requests whose first token came in time, whatever their pace. */
  readonly soon: number;
  readonly meanItlMs: number;
  /** Of answers' mean times between tokens. */
  readonly itlMs?: Spread;
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
  /** Of the broken ones, those without a first token. */
  readonly brokenEarly?: number;
  /** How many tries ended with which status or error. */
  readonly codes: Readonly<Record<string, number>>;
  /** Requests that could not be sent, and those that the end of the run cut off: left out of all times above. */
  readonly unsent?: number;
  readonly unfinished?: number;
  /** How late requests went out, milliseconds; left out where nothing is sent. */
  readonly lateMs?: Spread;
  /** What processes took: of what was asked, where they were named, and of who asked. */
  readonly target?: ProcessUse;
  readonly sender?: ProcessUse;
  /** Why times are not to be believed, for people to read; left out where nothing speaks against them. */
  readonly doubts?: readonly string[];
}

/** Of the measured time. */
export interface ProcessUse {
  readonly processes: number;
  readonly cpuSeconds: number;
  /** The most that was resident at once, in all of them. */
  readonly rssMaxBytes: number;
}

/** Collects what clients see. What ended before the warm-up was over does not count. */
export class Observer {
  readonly #from: number;
  readonly #done: RequestRecord[] = [];
  readonly #codes = new Map<string, number>();
  #inFlightMax = 0;
  readonly #ended: Record<RequestRecord['outcome'], number> = {
    done: 0,
    refused: 0,
    broken: 0,
    unsent: 0,
    unfinished: 0,
  };
  #brokenEarly = 0;
  readonly #late: number[] = [];

  constructor(warmUpMs: number) {
    this.#from = warmUpMs;
  }

  asked(inFlight: number): void {
    this.#inFlightMax = Math.max(this.#inFlightMax, inFlight);
  }

  add(record: RequestRecord): void {
    if (record.lastAt < this.#from) return;
    this.#ended[record.outcome] += 1;
    if (record.outcome === 'done') this.#done.push(record);
    if (record.outcome === 'broken' && record.firstAt === record.lastAt) this.#brokenEarly += 1;
    if (record.code !== undefined) this.#codes.set(record.code, (this.#codes.get(record.code) ?? 0) + 1);
    if (record.lateMs !== undefined) this.#late.push(record.lateMs);
  }

  figures(until: number): Figures {
    const seconds = (until - this.#from) / 1000;
    const seen = this.#done;
    const sum = (of: (one: RequestRecord) => number): number => seen.reduce((total, one) => total + of(one), 0);
    const goodCount = seen.filter(isGood).length;
    const promptTokens = sum((one) => one.promptTokens);
    const cachedTokens = seen.some((one) => one.cachedTokens !== undefined)
      ? sum((one) => one.cachedTokens ?? 0)
      : Number.NaN;
    const itl = spreadOf(seen.filter(({ outputTokens }) => outputTokens > 1).map(itlMs));
    const { refused, broken, unsent, unfinished } = this.#ended;
    return {
      requestsPerSecond: seen.length / seconds,
      hits: cachedTokens / promptTokens,
      ttft: spreadOf(seen.map((one) => ttftMs(one) / 1000)),
      e2e: spreadOf(seen.map(({ askedAt, lastAt }) => (lastAt - askedAt) / 1000)),
      meanItlMs: itl.mean,
      itlMs: itl,
      soon: seen.filter((one) => ttftMs(one) <= good.ttftMs).length / seen.length,
      goodput: goodCount / seconds,
      good: goodCount / seen.length,
      amplification: (promptTokens - cachedTokens) / sum((one) => one.freshTokens ?? Number.NaN),
      meanContext: promptTokens / seen.length,
      inFlightMax: this.#inFlightMax,
      refused,
      broken,
      brokenEarly: this.#brokenEarly,
      codes: Object.fromEntries(this.#codes),
      unsent,
      unfinished,
      ...(this.#late.length > 0 && { lateMs: spreadOf(this.#late) }),
    };
  }
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).toSorted();
  const [p50, p95, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.95), quantile(sorted, 0.99)];
  return { mean: values.reduce((sum, one) => sum + one, 0) / values.length, p50, p95, p99 };
}

/** Figures as one line. */
export function lineOf(figures: Figures): string {
  const { ttft } = figures;
  const times = [ttft.mean, ttft.p50, ttft.p95, ttft.p99].map((seconds) => seconds.toFixed(2)).join('/');
  return [
    `${figures.requestsPerSecond.toFixed(2)} req/s`,
    Number.isNaN(figures.hits) ? 'hits unknown' : `hits ${(100 * figures.hits).toFixed(1)} %`,
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
