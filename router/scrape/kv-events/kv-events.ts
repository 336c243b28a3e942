import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import type { CacheNews } from '../../replicas/cache-news.ts';
import { processOf } from '../../replicas/known-pools.ts';
import type { KvEventResult, KvSubscriber } from './kv-subscriber.ts';

/** Whose events are read, and who wants to know. */
export interface KvEventsOptions {
  readonly pools: () => readonly PoolDocument[];
  /** Whether this router looks after a replica. */
  readonly isMine: (replica: string) => boolean;
  /** A replica's cache is empty now. */
  readonly cleared: (replica: string) => void;
  readonly counted: (result: KvEventResult) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const everyMs = 500;

/** Reads the KV events of the replicas that this router looks after, where their pool has any. */
export class KvEvents implements AsyncDisposable {
  readonly #options: KvEventsOptions;
  readonly #loop: Loop;
  readonly #open = new Map<string, { readonly process: string; readonly subscriber: KvSubscriber }>();
  #loading: Promise<typeof KvSubscriber | undefined> | undefined;

  constructor(options: KvEventsOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#loop = startLoop({ name: 'kv-events', everyMs, clock, log }, () => this.#follow());
  }

  /** What is known of a replica's cache; undefined where its events are not read here. */
  newsOf(replica: string): CacheNews | undefined {
    return this.#open.get(replica)?.subscriber.news();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
    await this.#close(() => false);
  }

  async #follow(): Promise<void> {
    const { pools, isMine, cleared, counted, clock, log } = this.#options;
    const wanted = pools().flatMap(({ engine: { kvEvents: ports }, replicas }) =>
      ports === undefined
        ? []
        : replicas.filter(({ replicaId }) => isMine(replicaId)).map((replica) => ({ ports, replica })),
    );
    const processes = new Map(wanted.map(({ replica }) => [replica.replicaId, processOf(replica)]));
    await this.#close((replica, process) => processes.get(replica) === process);
    if (wanted.length === 0) return;
    const Reader = await (this.#loading ??= this.#load());
    if (Reader === undefined) return;
    for (const { ports, replica } of wanted) {
      const { replicaId } = replica;
      if (this.#open.has(replicaId)) continue;
      const subscriber = new Reader({ replica, ports, cleared: () => cleared(replicaId), counted, clock, log });
      this.#open.set(replicaId, { process: processOf(replica), subscriber });
    }
  }

  async #close(stays: (replica: string, process: string) => boolean): Promise<void> {
    const gone = [...this.#open].filter(([replica, { process }]) => !stays(replica, process));
    for (const [replica] of gone) this.#open.delete(replica);
    await Promise.all(gone.map(([, { subscriber }]) => subscriber[Symbol.asyncDispose]()));
  }

  /** A native library of some megabytes: only where there is something to read, and tried once. */
  async #load(): Promise<typeof KvSubscriber | undefined> {
    try {
      return (await import('./kv-subscriber.ts')).KvSubscriber;
    } catch (err) {
      const hint = 'this platform has no ZeroMQ: caches are known by what routers send and engines report';
      this.#options.log.error({ err, hint }, 'kv-events.unavailable');
      return undefined;
    }
  }
}
