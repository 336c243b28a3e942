import { DeliverPolicy, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';
import type { Nats } from './nats.ts';
import { fullJitter } from './retry.ts';

/** One message as a view sees it. `deleted` is true for a deletion marker; `body` is then empty. */
export interface ViewMessage {
  subject: string;
  seq: number;
  deleted: boolean;
  text: string;
}

/** What a view follows. */
export interface ViewOptions {
  nats: Nats;
  clock: Clock;
  log: Logger;
  stream: string;
  subjects: string[];
  /** Called once per message, in stream order. It must not throw: whatever cannot be read is the caller's to park. */
  apply: (message: ViewMessage) => void;
}

/** An in-memory copy of documents in a stream, kept current by an ordered consumer. */
export interface NatsView extends AsyncDisposable {
  /** Sequence of the newest message that has been applied. */
  appliedSeq(): number;
  /** True once everything that was there at the start has been applied. */
  synced(): boolean;
  whenSynced(signal?: AbortSignal): Promise<void>;
  /** Resolves when `appliedSeq() >= seq`; rejects when the signal aborts. */
  reached(seq: number, signal: AbortSignal): Promise<void>;
}

/**
 * A server that was restarted has forgotten the consumer, and says nothing: a view starts anew at each reconnect, and
 * besides that after two missing heartbeats.
 */
const silence = { expires: 10_000, idle_heartbeat: 2000 };

/**
 * Follows the last message of each subject and everything after it. When the consumer ends or fails it is made anew
 * from the next sequence, for ever, with back-off from 100 ms to 5 s.
 */
export function startView(options: ViewOptions): NatsView {
  return new View(options);
}

class View implements NatsView {
  readonly #options: ViewOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #messages: ConsumerMessages | undefined;
  #applied = 0;
  #synced = false;
  #waiters: (() => void)[] = [];

  constructor(options: ViewOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  appliedSeq(): number {
    return this.#applied;
  }

  synced(): boolean {
    return this.#synced;
  }

  whenSynced(signal?: AbortSignal): Promise<void> {
    return this.#when(() => this.#synced, signal);
  }

  reached(seq: number, signal: AbortSignal): Promise<void> {
    return this.#when(() => this.#applied >= seq, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#messages?.stop();
    await this.#running;
  }

  async #when(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!holds()) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async #run(): Promise<void> {
    const { clock, log, stream } = this.#options;
    for (let failures = 0; !this.#stop.signal.aborted; failures += 1) {
      const before = this.#applied;
      try {
        await this.#follow();
      } catch (error) {
        if (!this.#stop.signal.aborted) log.warn({ stream, reason: String(error) }, 'view.interrupted');
      }
      if (this.#applied > before) failures = 0;
      const waitMs = 100 + fullJitter(failures, { baseMs: 100, maxMs: 5000 });
      await clock.sleep(waitMs, this.#stop.signal).catch(() => {});
    }
  }

  async #follow(): Promise<void> {
    const { nats, stream, subjects } = this.#options;
    const { state } = await nats.jsm.streams.info(stream);
    // A stream that was made anew starts below what this view has seen: it is read from its beginning.
    if (state.last_seq < this.#applied) this.#applied = 0;
    const consumer = await nats.js.consumers.get(stream, {
      filter_subjects: subjects,
      inactive_threshold: 30_000,
      ...(this.#applied === 0
        ? { deliver_policy: DeliverPolicy.LastPerSubject }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.#applied + 1 }),
    });
    const info = await consumer.info();
    if (info.num_pending === 0) this.#settle();
    const messages = await consumer.consume({ max_messages: 500, ...silence });
    this.#messages = messages;
    if (this.#stop.signal.aborted) messages.stop();
    const forget = nats.onReconnect(() => messages.stop());
    try {
      for await (const message of messages) this.#take(message);
    } finally {
      forget();
    }
  }

  #take(message: JsMsg): void {
    const operation = message.headers?.get('KV-Operation');
    const expired = message.headers?.has('Nats-Marker-Reason') ?? false;
    const deleted = operation === 'PURGE' || operation === 'DEL' || expired;
    this.#options.apply({ subject: message.subject, seq: message.seq, deleted, text: message.string() });
    this.#applied = Math.max(this.#applied, message.seq);
    if (message.info.pending === 0) this.#settle();
    this.#wake();
  }

  #settle(): void {
    this.#synced = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
