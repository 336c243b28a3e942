import { Agent, request } from 'undici';
import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { httpOrigin } from '#shared/runtime/http/http-origin.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { Scraped } from '../pick/brain.ts';
import type { CacheNews } from '../replicas/cache-news.ts';
import type { ScrapeResult } from '../replicas/replica-health.ts';
import { adapterOf, signalsOf } from './adapters/adapter-of.ts';
import type { FleetLooks } from './fleet-looks.ts';

/** Whom to look at, how often, and who wants to know. */
export interface ScraperOptions {
  readonly pools: () => readonly PoolDocument[];
  readonly everyMs: number;
  readonly scraped: (result: Scraped) => void;
  /** Which replicas this router looks at, and when. */
  readonly looks: FleetLooks;
  /** What a replica's events say of its cache. */
  readonly cacheNews: (replica: string) => CacheNews | undefined;
  /** Replicas that have refused the pool's key to a request. */
  readonly isSuspect: (replica: string) => boolean;
  /**
   * Every look is counted; `denied`: the replica refuses the pool's key, so that its metrics are unknown; `late`: it has to
   * wait for others.
   */
  readonly counted: (result: ScrapeResult | 'denied' | 'late') => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks at once. */
const concurrency = 64;
/** How often it is asked what is due, in the time between two looks at a replica. */
const turnsPerLook = 10;
/** What every engine that has a key asks for it (vLLM, SGLang, llama.cpp), unlike health and, of vLLM, metrics. */
const keyPath = '/v1/models';
const metricsBytesMax = 4 * 1024 * 1024;
/** Failures of this machine, which say nothing of a replica. Source: errno(3). */
const ownFailures: ReadonlySet<unknown> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOBUFS',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
]);

/** Looks at replicas' health and metrics when it is time, and tells the other routers. What cannot be read is unknown. */
export class Scraper implements AsyncDisposable {
  readonly #options: ScraperOptions;
  readonly #agent: Agent;
  readonly #loop: Loop;
  /** Looks that are under way. */
  readonly #open = new Map<string, Promise<void>>();
  /** Replicas that refuse the key: each is logged once. */
  #denied = new Set<string>();

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
    const turns = { name: 'scrape', everyMs: everyMs / turnsPerLook, clock, log, jitter: 0.1 };
    this.#loop = startLoop(turns, (signal) => this.#turn(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
    await Promise.all(this.#open.values());
    await this.#agent.destroy();
  }

  #turn(signal: AbortSignal): void {
    const { pools, looks, counted } = this.#options;
    const targets = pools().flatMap((pool) =>
      pool.replicas.map((replica) => ({ pool, replica, id: replica.replicaId })),
    );
    looks.keep(targets.map(({ replica }) => replica));
    this.#denied = this.#denied.intersection(new Set(targets.map(({ id }) => id)));
    const due = targets
      .filter(({ id }) => !this.#open.has(id) && looks.isDue(id))
      .toSorted((a, b) => looks.ownAt(a.id) - looks.ownAt(b.id));
    const room = concurrency - this.#open.size;
    for (const { pool, replica, id } of due.slice(0, room)) {
      const look = this.#look(pool, replica, signal).finally(() => void this.#open.delete(id));
      this.#open.set(id, look);
    }
    for (const _ of due.slice(room)) counted('late');
  }

  async #look(pool: PoolDocument, replica: PoolReplica, signal: AbortSignal): Promise<void> {
    const { clock, scraped, looks, cacheNews, counted, isSuspect } = this.#options;
    const { engine } = pool;
    const { address, port, scheme, basePath = '', upstreamKey = pool.upstreamKey } = replica;
    const origin = `${httpOrigin(address, port, scheme)}${basePath}`;
    const headers = upstreamKey === '' ? {} : { authorization: `Bearer ${upstreamKey}` };
    const options = { dispatcher: this.#agent, signal, headers };
    const startedAt = clock.monotonic();
    looks.begin(replica.replicaId);
    const { path } = adapterOf(engine);
    const [health, metrics, other, key] = await Promise.all([
      healthOf(`${origin}${engine.healthPath}`, options),
      engine.metricsPath === '' ? undefined : textOf(`${origin}${engine.metricsPath}`, options),
      path === undefined ? undefined : textOf(`${origin}${path}`, options),
      isSuspect(replica.replicaId) ? textOf(`${origin}${keyPath}`, options) : undefined,
    ]);
    if (signal.aborted) return;
    counted(health);
    this.#noteDenied(pool, replica, metrics === denied);
    const signals =
      typeof metrics === 'string'
        ? signalsOf(engine, { metrics, other: typeof other === 'string' ? parseJson(other) : undefined })
        : {};
    const cache = cacheNews(replica.replicaId);
    const result = { replica, startedAt, health, signals, ...(cache !== undefined && { cache }) };
    scraped({ ...result, denied: metrics === denied || key === denied });
    looks.found(result);
  }

  #noteDenied(pool: PoolDocument, { replicaId, name }: PoolReplica, isDenied: boolean): void {
    if (!isDenied) return void this.#denied.delete(replicaId);
    const { counted, log } = this.#options;
    counted('denied');
    if (this.#denied.has(replicaId)) return;
    this.#denied.add(replicaId);
    const hint = 'its load is unknown; give the engine the key of its pool document';
    log.warn({ replicaId, replica: name, pool: pool.pool, hint }, 'scrape.denied');
  }
}

type LookOptions = NonNullable<Parameters<typeof request>[1]>;

async function healthOf(url: string, options: LookOptions): Promise<ScrapeResult> {
  try {
    const { statusCode, body } = await request(url, options);
    await body.dump();
    // An engine without this route (404) answers, and that is all that can be asked of it.
    return statusCode >= 500 ? 'unhealthy' : 'healthy';
  } catch (error) {
    return scrapeFailure(error);
  }
}

/** What a look that failed says of the replica: nothing, when the failure is this machine's. */
export function scrapeFailure(error: unknown): ScrapeResult {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED') return 'refused';
  return ownFailures.has(code) ? 'unknown' : 'silent';
}

const denied = Symbol('denied');

/** The text; `denied` when the key is refused, undefined when it cannot be read. */
async function textOf(url: string, options: LookOptions): Promise<string | typeof denied | undefined> {
  try {
    const { statusCode, body } = await request(url, options);
    const text = await body.text();
    if (statusCode === 401 || statusCode === 403) return denied;
    return statusCode === 200 ? text : undefined;
  } catch {
    return undefined;
  }
}
