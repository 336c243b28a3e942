import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startView, type NatsView } from '#shared/runtime/nats/nats-view.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { within } from '#shared/runtime/within.ts';
import type { EdgeCopy } from './edge-copy.ts';

/** What the feed needs. */
export interface EdgeFeedOptions {
  readonly url: string;
  readonly routerId: string;
  readonly vpcId: string;
  readonly copy: EdgeCopy;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Keeps an edge copy current from NATS. It connects in the background, for as long as it takes: a router serves from its
 * copy on disk meanwhile, and from memory whenever NATS is away later.
 */
export class EdgeFeed implements AsyncDisposable {
  readonly #options: EdgeFeedOptions;
  readonly #stop = new AbortController();
  readonly #connecting: Promise<void>;
  #nats: Nats | undefined;
  #access: NatsView | undefined;
  #pools: NatsView | undefined;

  constructor(options: EdgeFeedOptions) {
    this.#options = options;
    this.#connecting = this.#connect().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) options.log.error({ err: error }, 'edge.feed_failed');
    });
  }

  /** Newest sequence of bucket `edge` that has been applied; 0 before the first reading is complete. */
  edgeRevision(): number {
    return this.#pools?.synced() === true ? this.#pools.appliedSeq() : 0;
  }

  /** Both streams have been read whole at least once. */
  synced(): boolean {
    return this.#access?.synced() === true && this.#pools?.synced() === true;
  }

  /** Sends a report, if NATS is there; a report that cannot go now is not worth keeping. */
  report(subject: string, text: string): boolean {
    if (this.#nats?.up() !== true) return false;
    this.#nats.nc.publish(subject, text);
    return true;
  }

  /** Waits until what was reported is with the server, within a second. */
  async flush(): Promise<void> {
    const { clock } = this.#options;
    if (this.#nats?.up() !== true) return;
    await within(this.#nats.nc.flush(), 1000, { clock }).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#connecting;
    await this.#access?.[Symbol.asyncDispose]();
    await this.#pools?.[Symbol.asyncDispose]();
    await this.#nats?.[Symbol.asyncDispose]();
  }

  async #connect(): Promise<void> {
    const { url, routerId, vpcId, copy, clock, log } = this.#options;
    const { signal } = this.#stop;
    const nats = await connectNats({ url, name: `router-${routerId}`, log, signal });
    this.#nats = nats;
    const common = { nats, clock, log };
    const filters = { access: [subjects.accessOfVpc(vpcId)], pools: [subjects.poolsOfVpc(vpcId)] };
    const apply = {
      access: (message: Parameters<EdgeCopy['applyAccess']>[0]) => copy.applyAccess(message),
      pools: (message: Parameters<EdgeCopy['applyPool']>[0]) => copy.applyPool(message),
    };
    const { desired, edge } = streams;
    this.#access = startView({ ...common, stream: desired.name, subjects: filters.access, apply: apply.access });
    this.#pools = startView({ ...common, stream: edge.name, subjects: filters.pools, apply: apply.pools });
    await this.#access.whenSynced(signal);
    copy.accessSynced();
    await this.#pools.whenSynced(signal);
    copy.poolsSynced();
  }
}
