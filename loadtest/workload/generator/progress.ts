import { ttftMs, quantile, type RequestRecord } from '#loadtest/record/request-record.ts';

/** Where progress goes. */
export interface Screen {
  write(text: string): void;
  /** Of a terminal, on which the line is written over; left out elsewhere. */
  readonly columns?: number;
}

const [terminalEveryMs, plainEveryMs] = [1000, 10_000] as const;
/** What the line tells of: what has ended within so long, milliseconds. */
const recentMs = 10_000;

/** Tells how a run goes: a line of a terminal that is written again each second, elsewhere a line each ten seconds. */
export class Progress {
  readonly #screen: Screen;
  readonly #totalMs: number;
  readonly #warmUpMs: number;
  #recent: RequestRecord[] = [];
  #troubles = 0;
  #toldAt = 0;

  constructor(screen: Screen, { totalMs, warmUpMs }: { totalMs: number; warmUpMs: number }) {
    this.#screen = screen;
    this.#totalMs = totalMs;
    this.#warmUpMs = warmUpMs;
  }

  add(record: RequestRecord): void {
    if (record.outcome === 'done') this.#recent.push(record);
    else if (record.outcome !== 'unfinished') this.#troubles += 1;
  }

  /** A line that stays. */
  say(text: string): void {
    this.#screen.write(`${this.#isLive ? '\r\u001b[2K' : ''}${text}\n`);
    this.#toldAt = -Infinity;
  }

  /** To be called often; writes when it is time to. */
  tell(now: number, inFlight: number): void {
    if (now - this.#toldAt < (this.#isLive ? terminalEveryMs : plainEveryMs)) return;
    this.#toldAt = now;
    this.#recent = this.#recent.filter(({ lastAt }) => lastAt > now - recentMs);
    const line = this.#line(now, inFlight);
    const { columns } = this.#screen;
    this.#screen.write(columns === undefined ? `${line}\n` : `\r\u001b[2K${line.slice(0, columns - 1)}`);
  }

  get #isLive(): boolean {
    return this.#screen.columns !== undefined;
  }

  #line(now: number, inFlight: number): string {
    const seen = this.#recent;
    const ttfts = Float64Array.from(seen, ttftMs).toSorted();
    const [p50, p95] = [quantile(ttfts, 0.5), quantile(ttfts, 0.95)].map((ms) => (ms / 1000).toFixed(2));
    const perSecond = (1000 * seen.length) / Math.min(recentMs, Math.max(1, now));
    return [
      `${minutes(now)} of ${minutes(this.#totalMs)}${now < this.#warmUpMs ? ', warm-up' : ''}`,
      `${perSecond.toFixed(1)} req/s`,
      `in flight ${inFlight}`,
      seen.length === 0 ? 'no answer yet' : `TTFT p50/p95 ${p50}/${p95} s`,
      `errors ${this.#troubles}`,
    ].join(' · ');
  }
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
