import { streams } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import {
  writeDocuments,
  type DocumentWrite,
  type StoredDocument,
  type WriteOutcome,
} from '#shared/runtime/nats/nats-publish.ts';
import { askLeader } from '#shared/runtime/nats/ask-leader.ts';
import type { DesiredLog } from './desired-log.ts';

/** A leader that is silent is asked again for this long. */
const readBudgetMs = 5000;

/** How often the stream's size is looked at, milliseconds. */
const sizeEveryMs = 1000;

/** The log as stream `DESIRED`. */
export class NatsDesiredLog implements DesiredLog, AsyncDisposable {
  readonly #nats: Nats;
  readonly #clock: Clock;
  readonly #onSeen: (document: StoredDocument) => void;
  readonly #sizes: Loop;
  #fillRatio = 0;

  /** `onSeen` hears of each document that was read or stored: nobody here may show an older one afterwards. */
  constructor(from: { nats: Nats; clock: Clock; log: Logger; onSeen: (document: StoredDocument) => void }) {
    this.#nats = from.nats;
    this.#clock = from.clock;
    this.#onSeen = from.onSeen;
    this.#sizes = startLoop({ name: 'desired-size', everyMs: sizeEveryMs, ...from }, async () => {
      if (!this.#nats.up()) return;
      const { state, config } = await this.#nats.jsm.streams.info(streams.desired.name);
      this.#fillRatio = config.max_bytes > 0 ? state.bytes / config.max_bytes : 0;
    });
  }

  /** After a reconnect nothing is waited for that was sent before: its answer went down with the connection. */
  async write(writes: readonly DocumentWrite[], batchId: string): Promise<WriteOutcome> {
    const reconnected = Promise.withResolvers<WriteOutcome>();
    const stopListening = this.#nats.onReconnect(() =>
      reconnected.resolve({ kind: 'doubtful', reason: 'the connection was lost meanwhile' }),
    );
    try {
      const outcome = await Promise.race([writeDocuments(this.#nats, writes, batchId), reconnected.promise]);
      if (outcome.kind === 'stored')
        for (const [index, { subject, body }] of writes.entries())
          this.#onSeen({ subject, seq: outcome.seqs[index] ?? 0, body, deleted: false });
      return outcome;
    } finally {
      stopListening();
    }
  }

  async last(subject: string): Promise<StoredDocument | null> {
    const stream = streams.desired.name;
    const last = await askLeader({ nats: this.#nats, clock: this.#clock, stream, subject, budgetMs: readBudgetMs });
    if (last !== null) this.#onSeen(last);
    return last;
  }

  fillRatio(): number {
    return this.#fillRatio;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#sizes[Symbol.asyncDispose]());
  }
}
