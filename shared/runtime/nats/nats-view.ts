import { DeliverPolicy, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import type { Clock } from '../clock.ts';
import { isDeletion } from './is-deletion.ts';
import { KnownSubjects } from './known-subjects.ts';
import type { Logger } from '../log.ts';
import type { Nats } from './nats.ts';
import { fullJitter } from '../retry.ts';

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
  /** Called once per message, in stream order. What it throws is logged, and the message counts as applied. */
  apply: (message: ViewMessage) => void;
  /**
   * Called for a subject whose message is not in the stream any more, which the stream does not tell: it expired, it was
   * purged, or (`streamIsNew`) the stream was deleted and made again. Who gives it pays with reading every subject again
   * after each interruption and every `rereadEveryMs` (default 10 minutes).
   */
  onAbsent?: (subject: string, streamIsNew: boolean) => void;
  rereadEveryMs?: number;
}

/** An in-memory copy of documents in a stream, kept current by an ordered consumer. */
export interface NatsView extends AsyncDisposable {
  /** Sequence of the newest message that has been applied. */
  appliedSeq(): number;
  /** True once everything that was there at the start has been applied. */
  synced(): boolean;
  /** Rejects when the signal aborts or the view is disposed. */
  whenSynced(signal?: AbortSignal): Promise<void>;
  /**
   * Resolves when everything up to `seq`, which the stream's leader has acknowledged before, has been applied or is there
   * no more; rejects when the signal aborts or the view is disposed.
   */
  reached(seq: number, signal: AbortSignal): Promise<void>;
}

/**
 * How a consumer is read. The client renews a request every `expires` and sits out that time after some failures; it
 * takes two missed heartbeats to notice a consumer that is gone. Its own defaults (30 s, 15 s) would leave views blind for
 * half a minute. A consumer or stream that is missing ends the reading: this file makes it anew.
 */
const reading = { max_messages: 500, expires: 2000, idle_heartbeat: 1000, abort_on_missing_resource: true };

/** A view that tells absence reads everything again this often. */
const rereadEveryMs = 600_000;

/** How long a reader waits for a message before the leader is asked whether it is there at all; doubled each time. */
const checkAfterMs = { first: 250, most: 2000 };

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
  readonly #known: KnownSubjects | undefined;
  #messages: ConsumerMessages | undefined;
  #streamCreated: string | undefined;
  #applied = 0;
  #streamIsNew = false;
  /** Subjects that the present reading has met, and those that it has still to meet; undefined when nobody asks. */
  #met: Set<string> | undefined;
  #unmet: Set<string> | undefined;
  #synced = false;
  #waiters = new Set<() => void>();

  constructor(options: ViewOptions) {
    this.#options = options;
    this.#known = options.onAbsent === undefined ? undefined : new KnownSubjects();
    this.#running = this.#run();
  }

  appliedSeq(): number {
    return this.#applied;
  }

  synced(): boolean {
    return this.#synced;
  }

  async whenSynced(signal?: AbortSignal): Promise<void> {
    await this.#until(() => this.#synced, signal);
  }

  /**
   * A message that is superseded has a successor, which comes. One that expires or is purged before it is delivered never
   * comes, nor may anything after it: the leader then says that there is nothing beyond what has been applied.
   */
  async reached(seq: number, signal: AbortSignal): Promise<void> {
    let waitMs = checkAfterMs.first;
    while (!(await this.#until(() => this.#applied >= seq, signal, waitMs))) {
      if (this.#applied >= (await this.#lastSeq())) return;
      waitMs = Math.min(checkAfterMs.most, 2 * waitMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('The view was disposed.'));
    this.#messages?.stop();
    await this.#running;
  }

  /** Waits until it holds: true then, false after `timeoutMs`. @throws when the signal aborts or the view is disposed. */
  async #until(holds: () => boolean, signal?: AbortSignal, timeoutMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const over = AbortSignal.any(signal === undefined ? [this.#stop.signal] : [this.#stop.signal, signal]);
    over.throwIfAborted();
    if (holds()) return true;
    const done = new AbortController();
    const wake = (): void => void (holds() && done.abort());
    this.#waiters.add(wake);
    await this.#options.clock.sleep(timeoutMs, AbortSignal.any([over, done.signal])).catch(() => {});
    this.#waiters.delete(wake);
    if (holds()) return true;
    over.throwIfAborted();
    return false;
  }

  /** The newest sequence that the leader has for this view's subjects; infinite when it cannot say. */
  async #lastSeq(): Promise<number> {
    const { nats, stream, subjects } = this.#options;
    try {
      const last = await Promise.all(
        subjects.map((subject) => nats.jsm.streams.getMessage(stream, { last_by_subj: subject })),
      );
      return Math.max(0, ...last.map((message) => message?.seq ?? 0));
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  }

  async #run(): Promise<void> {
    const { clock, log, stream } = this.#options;
    for (let failures = 0; !this.#stop.signal.aborted;) {
      const before = this.#applied;
      try {
        await this.#follow();
        failures = 0;
      } catch (error) {
        if (!this.#stop.signal.aborted) log.warn({ stream, reason: String(error) }, 'view.interrupted');
        failures = this.#applied > before ? 0 : failures + 1;
      }
      const waitMs = failures === 0 ? 10 : 100 + fullJitter(failures, { baseMs: 100, maxMs: 5000 });
      await clock.sleep(waitMs, this.#stop.signal).catch(() => {});
    }
  }

  /** Until the consumer is lost, the connection was lost and is there again, it is time to read anew, or it is disposed. */
  async #follow(): Promise<void> {
    const { nats, clock } = this.#options;
    const over = new AbortController();
    let ended = false;
    const end = (): void => {
      ended = true;
      this.#messages?.stop();
    };
    // The consumer may outlive the connection, but what has left the stream meanwhile does not come through it.
    const stopListening = nats.onReconnect(end);
    const rereadMs =
      this.#known === undefined ? Number.POSITIVE_INFINITY : (this.#options.rereadEveryMs ?? rereadEveryMs);
    void clock.sleep(rereadMs, over.signal).then(end, () => {});
    let settling = Promise.resolve();
    try {
      const messages = await this.#consume();
      this.#messages = messages;
      if (this.#met !== undefined) settling = this.#settle(this.#met, over.signal).catch(() => {});
      if (ended || this.#stop.signal.aborted) messages.stop();
      for await (const message of messages) this.#take(message);
    } finally {
      over.abort();
      stopListening();
      this.#messages = undefined;
      await settling;
    }
  }

  async #consume(): Promise<ConsumerMessages> {
    const { nats, stream, subjects } = this.#options;
    const { created, state } = await nats.jsm.streams.info(stream);
    const streamIsNew = this.#streamCreated !== undefined && created !== this.#streamCreated;
    // Its sequences are others: it is read from its beginning. So is one that was set back to an older copy.
    if (streamIsNew || state.last_seq < this.#applied) this.#applied = 0;
    this.#streamCreated = created;
    // A reading that was interrupted may already have met a new stream.
    this.#streamIsNew = streamIsNew || (this.#streamIsNew && this.#met !== undefined);
    this.#known?.startReading(streamIsNew);
    // Without `onAbsent` a reading goes on where the last one was interrupted, and what that one has met counts.
    if (this.#known !== undefined || (!this.#synced && this.#applied === 0)) this.#met = new Set();
    const consumer = await nats.js.consumers.get(stream, {
      filter_subjects: subjects,
      inactive_threshold: 30_000,
      ...(this.#applied === 0 || this.#known !== undefined
        ? { deliver_policy: DeliverPolicy.LastPerSubject }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.#applied + 1 }),
    });
    return consumer.consume({ ...reading });
  }

  #take(message: JsMsg): void {
    const { subject, seq } = message;
    const deleted = isDeletion(message.headers);
    const repeated = this.#known?.see(subject, seq, deleted) === 'again';
    if (!repeated)
      this.#guarded({ subject, seq }, () => this.#options.apply({ subject, seq, deleted, text: message.string() }));
    this.#met?.add(subject);
    this.#unmet?.delete(subject);
    this.#applied = Math.max(this.#applied, seq);
    this.#wake();
  }

  /**
   * Waits until every subject of the stream has been met, and says so. A consumer's count of pending messages does not
   * tell: while a document is written again it may leave out both versions. So the leader is asked which subjects it has.
   */
  async #settle(met: ReadonlySet<string>, over: AbortSignal): Promise<void> {
    const { first, most } = checkAfterMs;
    do {
      const present = await this.#presentSubjects();
      // In one go with the answer: what is met in between must not count as unmet.
      this.#unmet = present && new Set(present.filter((subject) => !met.has(subject)));
    } while (!(await this.#until(() => this.#unmet?.size === 0, over, this.#unmet === undefined ? first : most)));
    this.#met = undefined;
    this.#unmet = undefined;
    for (const subject of this.#known?.endReading() ?? [])
      this.#guarded({ subject, seq: 0 }, () => this.#options.onAbsent?.(subject, this.#streamIsNew));
    this.#synced = true;
    this.#wake();
  }

  /** The subjects of which the leader has a message; undefined when it cannot say. */
  async #presentSubjects(): Promise<string[] | undefined> {
    const { nats, stream, subjects } = this.#options;
    try {
      const infos = await Promise.all(
        subjects.map((filter) => nats.jsm.streams.info(stream, { subjects_filter: filter })),
      );
      return infos.flatMap((info) => Object.keys(info.state.subjects ?? {}));
    } catch {
      return undefined;
    }
  }

  #guarded({ subject, seq }: { subject: string; seq: number }, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.log.error({ err: error, stream: this.#options.stream, subject, seq }, 'view.apply_failed');
    }
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }
}
