import { Agent, request } from 'undici';
import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { httpOrigin } from '#shared/runtime/http/http-origin.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import type { ReplicaSignals } from '../replicas/replica-view.ts';
import { readGauges } from './read-gauges.ts';
import type { ScrapeResult } from '../replicas/replica-health.ts';

/** What a look at one replica found. */
export interface Scraped {
  readonly replicaId: string;
  readonly health: ScrapeResult;
  readonly signals: ReplicaSignals;
}

/** Whom to look at, how often, and who wants to know. */
export interface ScraperOptions {
  readonly pools: () => readonly PoolDocument[];
  readonly everyMs: number;
  readonly scraped: (result: Scraped) => void;
  /** Called after each round, also an empty one. */
  readonly round: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks at once. */
const concurrency = 64;
const metricsBytesMax = 4 * 1024 * 1024;

/** Looks at every replica's health and metrics, once a round. What cannot be read is unknown. */
export class Scraper implements AsyncDisposable {
  readonly #options: ScraperOptions;
  readonly #agent: Agent;
  readonly #loop: Loop;

  constructor(options: ScraperOptions) {
    this.#options = options;
    const { everyMs, clock, log } = options;
    const timeoutMs = Math.max(50, Math.round(everyMs * 0.9));
    this.#agent = new Agent({
      connections: 2,
      connectTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: metricsBytesMax,
    });
    this.#loop = startLoop({ name: 'scrape', everyMs, clock, log, jitter: 0.1 }, (signal) => this.#round(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
    await this.#agent.destroy();
  }

  async #round(signal: AbortSignal): Promise<void> {
    const targets = this.#options.pools().flatMap((pool) => pool.replicas.map((replica) => ({ pool, replica })));
    for (let at = 0; at < targets.length && !signal.aborted; at += concurrency) {
      const batch = targets.slice(at, at + concurrency);
      const results = await Promise.all(batch.map(({ pool, replica }) => this.#look(pool, replica, signal)));
      for (const result of results) if (!signal.aborted) this.#options.scraped(result);
    }
    this.#options.round();
  }

  async #look({ engine }: PoolDocument, replica: PoolReplica, signal: AbortSignal): Promise<Scraped> {
    const [health, signals] = await Promise.all([
      this.#health(urlOf(replica, engine.healthPath), signal),
      this.#signals(urlOf(replica, engine.metricsPath), engine.metrics, signal),
    ]);
    return { replicaId: replica.replicaId, health, signals };
  }

  async #health(url: string, signal: AbortSignal): Promise<ScrapeResult> {
    try {
      const { statusCode, body } = await request(url, { dispatcher: this.#agent, signal });
      await body.dump();
      // An engine without this route (404) answers, and that is all that can be asked of it.
      return statusCode >= 500 ? 'unhealthy' : 'healthy';
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED' ? 'refused' : 'unknown';
    }
  }

  async #signals(url: string, names: PoolDocument['engine']['metrics'], signal: AbortSignal): Promise<ReplicaSignals> {
    try {
      const { statusCode, body } = await request(url, { dispatcher: this.#agent, signal });
      const text = await body.text();
      if (statusCode !== 200) return {};
      const found = readGauges(text, Object.values(names));
      const known = (['running', 'waiting', 'kvUse'] as const).flatMap((key) => {
        const value = found.get(names[key]);
        return value === undefined ? [] : [[key, value] as const];
      });
      return Object.fromEntries(known);
    } catch {
      return {};
    }
  }
}

function urlOf({ address, port }: PoolReplica, path: string): string {
  return `${httpOrigin(address, port)}${path}`;
}
