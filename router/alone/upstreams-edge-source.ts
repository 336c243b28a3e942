import { isDeepStrictEqual } from 'node:util';
import { Agent } from 'undici';
import type { AccessDocument } from '#shared/contract/desired.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import type { EdgeCopy } from '../edge/edge-copy.ts';
import type { EdgeSource } from '../edge/edge-source.ts';
import { lookAtUpstream, type UpstreamLook } from './look-at-upstream.ts';
import { poolsOf, type Alias, type PoolIdentity } from './pools-of.ts';
import type { UpstreamAddress } from './upstream-address.ts';

/** Whom to ask, and what is made of it. */
export interface UpstreamsOptions {
  readonly upstreams: readonly UpstreamAddress[];
  readonly aliases: readonly Alias[];
  readonly access: AccessDocument;
  readonly identity: PoolIdentity;
  /** Time between two questions to an upstream, milliseconds. */
  readonly everyMs: number;
  /** Requests are taken after this time, also while some upstream has said nothing yet, milliseconds. */
  readonly firstLooksMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An upstream's last look, undefined before it. */
export interface UpstreamState {
  readonly upstream: UpstreamAddress;
  readonly look: UpstreamLook | undefined;
}

/** One look may take so long. */
const lookMs = 2000;
const modelListBytesMax = 8 * 1024 * 1024;

/**
 * Pools out of what upstreams say that they serve, asked again and again. One that is silent keeps its place in the pools
 * that it has been in (whether it gets requests is up to its health), and one that comes for the first time joins.
 */
export class UpstreamsEdgeSource implements EdgeSource {
  readonly #options: UpstreamsOptions;
  readonly #copy: EdgeCopy;
  readonly #agent = new Agent({
    connections: 2,
    connectTimeout: lookMs,
    headersTimeout: lookMs,
    bodyTimeout: lookMs,
    maxResponseSize: modelListBytesMax,
  });
  readonly #looks = new Map<UpstreamAddress, UpstreamLook>();
  /** The last good look of each. */
  readonly #known = new Map<UpstreamAddress, Exclude<UpstreamLook, { problem: string }>>();
  #pools: readonly PoolDocument[] = [];
  #problems: readonly string[] = [];
  #revision = 1;
  readonly #loop: Loop;
  readonly #settled = Promise.withResolvers<void>();

  constructor(options: UpstreamsOptions, copy: EdgeCopy) {
    this.#options = options;
    this.#copy = copy;
    const { access, everyMs, clock, log } = options;
    this.#take('access', access.endpointId, access);
    this.#complete('access');
    this.#loop = startLoop({ name: 'upstreams', everyMs, clock, log }, (signal) => this.#turn(signal));
  }

  /** Resolves once all upstreams have been asked, or the time for it is over: requests are taken from then on. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  states(): UpstreamState[] {
    return this.#options.upstreams.map((upstream) => ({ upstream, look: this.#looks.get(upstream) }));
  }

  /** What does not fit of models and names. */
  problems(): readonly string[] {
    return this.#problems;
  }

  pools(): readonly PoolDocument[] {
    return this.#pools;
  }

  poolRevision(): number {
    return this.#revision;
  }

  doubts(): string[] {
    const away = this.states().flatMap(({ upstream, look }) =>
      look !== undefined && 'problem' in look ? [`${upstream.url} ${look.problem}`] : [],
    );
    return [...away, ...this.#problems];
  }

  report(): boolean {
    return false;
  }

  deliver(): Promise<boolean> {
    return Promise.resolve(true);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#settled.resolve();
    await this.#loop[Symbol.asyncDispose]();
    await this.#agent.destroy();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { upstreams, firstLooksMs, clock } = this.#options;
    const all = Promise.all(upstreams.map((upstream) => this.#look(upstream, signal)));
    if (this.#copy.reading('pools') === undefined) {
      await Promise.race([all, clock.sleep(firstLooksMs, signal)]);
      this.#complete('pools');
      this.#settled.resolve();
    }
    await all;
  }

  async #look(upstream: UpstreamAddress, signal: AbortSignal): Promise<void> {
    const look = await lookAtUpstream(upstream, { dispatcher: this.#agent, signal });
    if (signal.aborted) return;
    const before = this.#looks.get(upstream);
    this.#looks.set(upstream, look);
    if (!('problem' in look)) this.#known.set(upstream, look);
    if (isDeepStrictEqual(before, look)) return;
    const { log } = this.#options;
    if ('problem' in look) log.warn({ upstream: upstream.url, reason: look.problem }, 'upstream.unusable');
    else log.info({ upstream: upstream.url, models: look.models.map(({ id }) => id) }, 'upstream.serving');
    this.#apply();
  }

  #apply(): void {
    const { upstreams, aliases, identity, log } = this.#options;
    const known = upstreams.flatMap((upstream) => {
      const look = this.#known.get(upstream);
      return look === undefined ? [] : [{ upstream, ...look }];
    });
    const { pools, problems } = poolsOf(known, aliases, identity);
    for (const problem of problems.filter((one) => !this.#problems.includes(one)))
      log.warn({ problem }, 'models.problem');
    const before = new Map(this.#pools.map((pool) => [pool.pool, pool]));
    this.#pools = pools;
    this.#problems = problems;
    for (const pool of pools) if (!isDeepStrictEqual(before.get(pool.pool), pool)) this.#take('pools', pool.pool, pool);
    const left = new Set(pools.map(({ pool }) => pool));
    for (const id of before.keys()) if (!left.has(id)) this.#copy.drop('pools', subjectOf(id));
  }

  #take(part: 'access' | 'pools', id: string, document: object): void {
    this.#revision += 1;
    const message = { subject: subjectOf(id), seq: this.#revision, deleted: false, text: JSON.stringify(document) };
    this.#copy.take(part, message);
  }

  #complete(part: 'access' | 'pools'): void {
    this.#copy.readingComplete(part, { region: '', id: 'upstreams', adoptedAt: 0, lastSeq: this.#revision });
  }
}

function subjectOf(id: string): string {
  return `upstreams.${id}`;
}
