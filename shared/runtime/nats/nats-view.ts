import { DeliverPolicy, type ConsumerMessages, type JsMsg, type StreamInfo } from '@nats-io/jetstream';
import { pause, type Clock } from '../clock.ts';
import { isDeletion } from './is-deletion.ts';
import type { Logger } from '../log.ts';
import type { Nats } from './nats.ts';
import { fullJitter } from '../retry.ts';
import { isLevel, StreamLeader } from './stream-leader.ts';
import { allOf, Waiters } from './waiters.ts';

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
  /** All of the stream's when it is left out. */
  subjects?: string[] | undefined;
  /** Called once per message, in stream order. What it throws is logged, and the message counts as applied. */
  apply: (message: ViewMessage) => void;
  /** Called for a subject that has a message no more although no mark said so: it was purged, or the stream is another. */
  onAbsent?: (subject: string) => void;
  /**
   * Asked with the stream's state before each reading and before its end. False: nothing is applied and nothing is absent;
   * the view goes on with what it has, and asks again. Left out, every stream is believed.
   */
  believe?: (info: StreamInfo) => boolean;
  /** Called at the end of each reading, after `onAbsent`: all that the stream had then has been applied. */
  onReading?: (info: StreamInfo) => void;
  /** How often everything is read anew (default 10 minutes). */
  rereadEveryMs?: number;
}

/** An in-memory copy of documents in a stream, kept current by an ordered consumer. */
export interface NatsView extends AsyncDisposable {
  /** Sequence of the newest message that has been applied. */
  appliedSeq(): number;
  /** True once everything that was there at the start has been applied. */
  synced(): boolean;
  /** True while messages of the stream are read: it is there, and believed. */
  following(): boolean;
  /** Rejects when the signal aborts or the view is disposed. */
  whenSynced(signal?: AbortSignal): Promise<void>;
  /**
   * Resolves when everything up to `seq`, which the stream's leader has acknowledged before, has been applied or is there
   * no more; rejects when the signal aborts or the view is disposed.
   */
  reached(seq: number, signal: AbortSignal): Promise<void>;
  /**
   * Resolves when every document that was acknowledged before the call is there: at its newest version, or, while it is
   * being changed, at the one before. Rejects when the signal aborts or the view is disposed.
   */
  caughtUp(signal: AbortSignal): Promise<void>;
  /** Notes what was read from the leader or stored; true when it is news: its owner applies it, it does not come again. */
  learn(document: Omit<ViewMessage, 'text'>): boolean;
}

/**
 * How a consumer is read. The client renews a request every `expires` and sits out that time after some failures; it
 * takes two missed heartbeats to notice a consumer that is gone. Its own defaults (30 s, 15 s) would leave views blind for
 * half a minute. A consumer or stream that is missing ends the reading: this file makes it anew.
 */
const consuming = { max_messages: 500, expires: 2000, idle_heartbeat: 1000, abort_on_missing_resource: true };

const rereadEveryMs = 600_000;

/** How long a reader waits for a message before the leader is asked whether it is there at all; doubled each time. */
const checkAfterMs = { first: 250, most: 2000 };

/** How often a list of what a busy stream has is chased before its names alone decide. */
const chasesMax = 2;

/** Follows the last message of each subject and everything after it, for ever, with back-off from 100 ms to 5 s. */
export function startView(options: ViewOptions): NatsView {
  return new View(options);
}

/**
 * Each connection, and every ten minutes, is a reading: the last message of every subject, then what follows. A reading
 * is complete when it has met every subject that the leader names; what only earlier ones have met is absent.
 */
class View implements NatsView {
  readonly #options: ViewOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #known = new Map<string, { seq: number; reading: number; deleted: boolean }>();
  readonly #leader: StreamLeader;
  readonly #waiters: Waiters;
  #messages: ConsumerMessages | undefined;
  #streamCreated: string | undefined;
  #reading = 0;
  #applied = 0;
  #synced = false;
  #doubted = false;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.#leader = new StreamLeader(options);
    this.#waiters = new Waiters(options.clock, this.#stop.signal);
    this.#running = this.#run();
  }

  appliedSeq(): number {
    return this.#applied;
  }

  synced(): boolean {
    return this.#synced;
  }

  following(): boolean {
    return this.#messages !== undefined && this.#options.nats.up();
  }

  async whenSynced(signal?: AbortSignal): Promise<void> {
    await this.#waiters.until(() => this.#synced, { signal });
  }

  /**
   * A message that is superseded has a successor, which comes. One that expires or is purged before it is delivered never
   * comes, nor may anything after it: the leader then says that there is nothing beyond what has been applied.
   */
  async reached(seq: number, signal: AbortSignal): Promise<void> {
    let waitMs = checkAfterMs.first;
    while (!(await this.#waiters.until(() => this.#applied >= seq, { signal, timeoutMs: waitMs }))) {
      if (this.#applied >= ((await this.#leader.lastSeq()) ?? Number.POSITIVE_INFINITY)) return;
      waitMs = Math.min(checkAfterMs.most, 2 * waitMs);
    }
  }

  /**
   * Reaching the last sequence is not enough: a document that was overwritten before it was delivered never comes, and its
   * successor, which has a greater sequence, may still be under way. Where the leader has nothing new after that, there is
   * no such successor; where it always has, what it names must at least be known.
   */
  async caughtUp(signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([signal, this.#stop.signal]);
    let last = -1;
    for (let chase = 0; chase <= chasesMax; chase += 1) {
      const now = await this.#leader.insist(() => this.#leader.lastSeq(), over);
      if (now === last) return;
      last = now;
      await this.reached(now, signal);
    }
    const { present } = await this.#leader.insist(() => this.#leader.look(), over);
    await this.#waiters.until(
      allOf(present, (subject) => this.#known.has(subject)),
      { signal },
    );
  }

  learn({ subject, seq, deleted }: Omit<ViewMessage, 'text'>): boolean {
    if ((this.#known.get(subject)?.seq ?? 0) >= seq) return false;
    this.#known.set(subject, { seq, deleted, reading: this.#reading });
    this.#waiters.wake();
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('The view was disposed.'));
    this.#messages?.stop();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log, stream } = this.#options;
    for (let failures = 0; !this.#stop.signal.aborted;) {
      const before = this.#applied;
      try {
        failures = (await this.#follow()) ? 0 : failures + 1;
      } catch (error) {
        if (!this.#stop.signal.aborted) log.warn({ stream, reason: String(error) }, 'view.interrupted');
        failures = this.#applied > before ? 0 : failures + 1;
      }
      const waitMs = failures === 0 ? 10 : 100 + fullJitter(failures, { baseMs: 100, maxMs: 5000 });
      await pause(clock, waitMs, this.#stop.signal);
    }
  }

  /** Until consumer or connection were lost, it is time to read anew, or it ends. False: the stream is not believed. */
  async #follow(): Promise<boolean> {
    const { nats, clock, stream, subjects } = this.#options;
    const over = new AbortController();
    // The consumer may outlive the connection, but what has left the stream meanwhile does not come through it.
    const stopListening = nats.onReconnect(() => over.abort());
    over.signal.addEventListener('abort', () => this.#messages?.stop());
    void pause(clock, this.#options.rereadEveryMs ?? rereadEveryMs, over.signal).then(() => over.abort());
    let settling = Promise.resolve();
    try {
      if (!this.#begin(await nats.jsm.streams.info(stream))) return false;
      const consumer = await nats.js.consumers.get(stream, {
        ...(subjects && { filter_subjects: subjects }),
        inactive_threshold: 30_000,
        deliver_policy: DeliverPolicy.LastPerSubject,
      });
      const messages = await consumer.consume({ ...consuming });
      this.#messages = messages;
      settling = this.#settle(over).catch((error: unknown) => {
        if (!over.signal.aborted && !this.#stop.signal.aborted)
          this.#options.log.error({ err: error, stream }, 'view.settle_failed');
        over.abort();
      });
      if (over.signal.aborted || this.#stop.signal.aborted) messages.stop();
      for await (const message of messages) this.#take(message);
      return true;
    } finally {
      over.abort();
      stopListening();
      this.#messages = undefined;
      await settling;
    }
  }

  /** Starts a reading. A stream that is another one, or was set back, has other messages under the same sequences. */
  #begin(info: StreamInfo): boolean {
    if (!this.#believes(info)) return false;
    if (!this.#isSame(info)) {
      this.#applied = 0;
      for (const entry of this.#known.values()) entry.seq = 0;
    }
    this.#streamCreated = info.created;
    this.#reading += 1;
    return true;
  }

  #isSame({ created, state }: StreamInfo): boolean {
    return created === (this.#streamCreated ?? created) && state.last_seq >= this.#applied;
  }

  #believes(info: StreamInfo): boolean {
    const doubted = this.#options.believe?.(info) === false;
    const { log, stream } = this.#options;
    if (doubted && !this.#doubted)
      log.error({ stream, created: info.created, seq: info.state.last_seq }, 'view.doubted');
    this.#doubted = doubted;
    return !doubted;
  }

  #take(message: JsMsg): void {
    const { subject, seq } = message;
    this.#meet({ subject, seq, deleted: isDeletion(message.headers), text: message.string() });
    this.#applied = Math.max(this.#applied, seq);
    this.#waiters.wake();
  }

  /** A copy of the stream that lags behind its leader may send what is older than what is known: that is no news. */
  #meet(message: ViewMessage): void {
    const { subject, seq, deleted } = message;
    const known = this.#known.get(subject);
    if (known !== undefined && known.seq > seq) return;
    this.#known.set(subject, { seq, deleted, reading: this.#reading });
    if (known?.seq !== seq) this.#guarded(message, () => this.#options.apply(message));
  }

  /**
   * Waits until the reading is complete, and says so. A consumer's count of pending messages does not tell: while a
   * document is written again it may leave out both versions. So the leader is asked which subjects it has.
   */
  async #settle(over: AbortController): Promise<void> {
    const { signal } = over;
    const isMet = (subject: string): boolean => this.#known.get(subject)?.reading === this.#reading;
    for (let waitMs = checkAfterMs.first; ; waitMs = Math.min(checkAfterMs.most, 2 * waitMs)) {
      const looked = await this.#leader.look();
      if (looked === undefined || !isLevel(looked.info)) {
        await this.#waiters.until(() => false, { signal, timeoutMs: waitMs });
        continue;
      }
      if (!this.#isSame(looked.info) || !this.#believes(looked.info)) return over.abort();
      if (await this.#waiters.until(allOf(looked.present, isMet), { signal, timeoutMs: checkAfterMs.most }))
        return this.#complete(looked.info);
    }
  }

  #complete(info: StreamInfo): void {
    for (const [subject, { reading, deleted }] of this.#known) {
      if (reading === this.#reading) continue;
      this.#known.delete(subject);
      if (!deleted) this.#guarded({ subject, seq: 0 }, () => this.#options.onAbsent?.(subject));
    }
    this.#guarded({ subject: '', seq: info.state.last_seq }, () => this.#options.onReading?.(info));
    this.#synced = true;
    this.#waiters.wake();
  }

  #guarded({ subject, seq }: { subject: string; seq: number }, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.log.error({ err: error, stream: this.#options.stream, subject, seq }, 'view.apply_failed');
    }
  }
}
