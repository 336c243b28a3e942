import type { StreamInfo } from '@nats-io/jetstream';
import { believes, readStamp, type StreamReading } from '#shared/contract/stream-stamp.ts';
import { edgeStreams } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startView, type NatsView } from '#shared/runtime/nats/nats-view.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { endsWithin } from '#shared/runtime/within.ts';
import { edgeParts, type EdgeCopy, type EdgePart } from './edge-copy.ts';
import type { EdgeSource } from './edge-source.ts';

/** Where the streams of a VPC are, and who reads them. */
export interface NatsEdgeOptions {
  readonly url: string;
  /** How this account calls JetStream's API. */
  readonly apiPrefix: string;
  /** Time for reports to leave, milliseconds. */
  readonly drainTimeoutMs: number;
  readonly routerId: string;
  readonly vpcId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Longest wait for the word that a report is stored, milliseconds. */
const deliveryMs = 5000;

/**
 * Keeps an edge copy current from the two streams of its VPC. It connects in the background, for as long as it takes: a
 * router serves from its copy on disk meanwhile, and from memory whenever NATS is away later.
 *
 * A stream that is not the one that was read before, or is shorter, is not read until an operator has adopted it: an empty
 * or old one would revoke what is right, or bring back what was revoked.
 */
export class NatsEdgeSource implements EdgeSource {
  readonly #options: NatsEdgeOptions;
  readonly #copy: EdgeCopy;
  readonly #stop = new AbortController();
  readonly #connecting: Promise<void>;
  readonly #views = new Map<EdgePart, NatsView>();
  readonly #doubts = new Map<EdgePart, string>();
  #nats: Nats | undefined;

  constructor(options: NatsEdgeOptions, copy: EdgeCopy) {
    this.#options = options;
    this.#copy = copy;
    this.#connecting = this.#connect().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) options.log.error({ err: error }, 'edge.source_failed');
    });
  }

  poolRevision(): number {
    const pools = this.#views.get('pools');
    return pools?.synced() === true && !this.#doubts.has('pools') ? pools.appliedSeq() : 0;
  }

  doubts(): string[] {
    return edgeParts.flatMap((part) => {
      const reason = this.#doubts.get(part);
      if (reason !== undefined) return [reason];
      if (this.#views.get(part)?.following() === true) return [];
      return [`${part}: NATS, or stream ${edgeStreams[part](this.#options.vpcId).name}, cannot be read now`];
    });
  }

  report(subject: string, text: string): boolean {
    if (this.#nats?.up() !== true) return false;
    this.#nats.nc.publish(subject, text);
    return true;
  }

  async deliver(subject: string, text: string): Promise<boolean> {
    if (this.#nats?.up() !== true) return false;
    try {
      await this.#nats.nc.request(subject, text, { timeout: deliveryMs });
      return true;
    } catch (error) {
      this.#options.log.warn({ subject, reason: String(error) }, 'edge.undelivered');
      return false;
    }
  }

  async flush(): Promise<void> {
    if (this.#nats?.up() !== true) return;
    const { clock, drainTimeoutMs, log } = this.#options;
    // Reports go on until the end; what does not leave is silence, which provisioners wait out.
    const flushed = await endsWithin(this.#nats.nc.flush(), drainTimeoutMs, { clock }).catch(() => false);
    if (!flushed) log.warn({ drainTimeoutMs }, 'edge.unflushed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#connecting;
    for (const view of this.#views.values()) await view[Symbol.asyncDispose]();
    await this.#nats?.[Symbol.asyncDispose]();
  }

  async #connect(): Promise<void> {
    const { url, apiPrefix, drainTimeoutMs, routerId, log } = this.#options;
    const name = `router-${routerId}`;
    const nats = await connectNats({ url, apiPrefix, drainTimeoutMs, name, log, signal: this.#stop.signal });
    this.#nats = nats;
    for (const part of edgeParts) this.#views.set(part, this.#follow(nats, part));
  }

  #follow(nats: Nats, part: EdgePart): NatsView {
    const { vpcId, clock, log } = this.#options;
    const copy = this.#copy;
    return startView({
      nats,
      clock,
      log,
      stream: edgeStreams[part](vpcId).name,
      apply: (message) => copy.take(part, message),
      onAbsent: (subject) => copy.drop(part, subject),
      believe: (info) => this.#believe(part, readingOf(info)),
      onReading: (info) => copy.readingComplete(part, readingOf(info)),
    });
  }

  #believe(part: EdgePart, seen: StreamReading): boolean {
    const remembered = this.#copy.reading(part);
    const believed = believes(remembered, seen);
    const known = this.#doubts.has(part);
    if (believed) this.#doubts.delete(part);
    else
      this.#doubts.set(
        part,
        `${part}: the stream is another one, or shorter, than what was read before (sequence ${seen.lastSeq} after ${remembered?.lastSeq}); this router goes on with its copy until "admin adopt"`,
      );
    if (!believed && !known) this.#options.log.error({ part, seen, remembered }, 'edge.not_believed');
    if (believed && known) this.#options.log.info({ part, seen }, 'edge.believed_again');
    return believed;
  }
}

/** A stream without a stamp is known by the time at which it was made. */
function readingOf({ config, created, state }: StreamInfo): StreamReading {
  return { ...(readStamp(config.metadata) ?? { region: '', id: created, adoptedAt: 0 }), lastSeq: state.last_seq };
}
