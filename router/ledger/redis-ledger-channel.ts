import { redisKeys } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import type { Loop } from '#shared/runtime/loop.ts';
import { connectRedis } from '#shared/runtime/redis.ts';
import type { RedisConnection } from '#shared/runtime/redis.ts';
import { beatMs, echoTtlMs } from './ledger-channel.ts';
import type { LedgerChannel } from './ledger-channel.ts';
import { decodeBatch, encodeBatch } from './ledger-codec.ts';
import { isUrgent, type LedgerMessage } from './ledger-message.ts';
import { LedgerOutbox } from './ledger-outbox.ts';
import type { LedgerRow } from '../replicas/replica-table.ts';

export interface RedisLedgerOptions {
  readonly url: string;
  /** One channel carries all endpoints of a VPC. */
  readonly vpcId: string;
  readonly router: string;
  /** Start of this process: two processes of one name are two senders. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** More fields for the router's visible key. */
  readonly describe?: () => Readonly<Record<string, string>>;
}

/** Counters since the start, for metrics. */
export interface RedisLedgerCounts {
  readonly sent: number;
  readonly received: number;
  /** Not sent: the router was cut off, or too much waited. */
  readonly dropped: number;
  /** Not understood. */
  readonly refused: number;
}

/** Messages wait this long for others to travel with them. */
const pushDelayMs = 10;
const showEveryMs = 1000;
const keyTtlMs = 5000;
/** A connection that calls itself ready, yet carries nothing for so long, is replaced. */
const stuckMs = 5000;

/**
 * The ledger over Redis publish/subscribe. Nothing is awaited by callers, nothing is queued while Redis is away, and it
 * reconnects for ever. What this router has under way also stands in a hash of its own (`redisKeys.routerRow`), for people
 * with redis-cli; no router reads it.
 */
export class RedisLedgerChannel implements LedgerChannel {
  readonly #options: RedisLedgerOptions;
  readonly #channel: string;
  readonly #key: string;
  readonly #sender: string;
  readonly #publisher: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #outbox: LedgerOutbox;
  readonly #handlers = new Set<(message: LedgerMessage) => void>();
  readonly #beats: Loop;
  readonly #shows: Loop;
  #pushTimer: NodeJS.Timeout | undefined;
  #heardItselfAt = -Infinity;
  /** When something may have been lost: others' words, or its own. */
  #lostAt = -Infinity;
  #connectedAt: number;
  #closed = false;
  #sent = 0;
  #received = 0;
  #lost = 0;
  #refused = 0;

  constructor(options: RedisLedgerOptions) {
    const { url, log, clock, vpcId, router } = options;
    this.#options = options;
    this.#channel = redisKeys.ledgerChannel(vpcId);
    this.#key = redisKeys.routerRow(vpcId, router);
    this.#sender = `${router}:${options.epoch}`;
    this.#outbox = new LedgerOutbox(router, () => clock.monotonic());
    this.#connectedAt = clock.monotonic();
    this.#publisher = connectRedis({ url, name: `ledger-out:${router}`, log });
    this.#subscriber = connectRedis({ url, name: `ledger-in:${router}`, log });
    this.#listen();
    this.#beats = startLoop({ name: 'ledger.beat', everyMs: beatMs, clock, log }, () => this.#beat());
    this.#shows = startLoop({ name: 'ledger.show', everyMs: showEveryMs, clock, log }, () => this.#show());
  }

  publish(message: LedgerMessage): void {
    if (this.#closed) return;
    if (isUrgent(message)) {
      if (this.up()) this.#send([message], 'to' in message ? this.#channelOf(message.to) : this.#channel);
      return;
    }
    this.#outbox.add(message);
    this.#pushSoon();
  }

  rowChanged(row: () => LedgerRow): void {
    if (this.#closed) return;
    this.#outbox.rowChanged(row);
    this.#pushSoon();
  }

  subscribe(handler: (message: LedgerMessage) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Down for a beat at least: whoever looks now and then must see that something was lost. */
  up(): boolean {
    return this.#hearsItself() && this.#options.clock.monotonic() - this.#lostAt >= beatMs;
  }

  counts(): RedisLedgerCounts {
    const dropped = this.#lost + this.#outbox.dropped;
    return { sent: this.#sent, received: this.#received, dropped, refused: this.#refused };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pushTimer);
    this.#handlers.clear();
    await this.#beats[Symbol.asyncDispose]();
    await this.#shows[Symbol.asyncDispose]();
    if (this.#publisher.up()) await this.#publisher.client.del(this.#key).catch(() => 0);
    await this.#publisher[Symbol.asyncDispose]();
    await this.#subscriber[Symbol.asyncDispose]();
  }

  /** Subscribes at every new connection itself: the client's own way leaves a promise that nobody catches. */
  #listen(): void {
    const { client } = this.#subscriber;
    client.options.autoResubscribe = false;
    client.on('message', (_channel: string, text: string) => this.#hear(text));
    const subscribe = (): void => {
      this.#connectedAt = this.#options.clock.monotonic();
      client.subscribe(this.#channel, this.#channelOf(this.#options.router)).then(
        () => this.#beats.wake(),
        () => client.disconnect(true),
      );
    };
    client.on('ready', subscribe);
    client.on('close', () => (this.#lostAt = this.#options.clock.monotonic()));
  }

  #hearsItself(): boolean {
    return this.#options.clock.monotonic() - this.#heardItselfAt <= echoTtlMs;
  }

  #hear(text: string): void {
    const batch = decodeBatch(text);
    if (!batch) this.#refused++;
    else if (batch.sender === this.#sender) this.#heardItselfAt = this.#options.clock.monotonic();
    else this.#handle(batch.messages);
  }

  #handle(messages: readonly LedgerMessage[]): void {
    this.#received += messages.length;
    for (const message of messages) for (const handler of this.#handlers) handler(message);
  }

  #pushSoon(): void {
    this.#pushTimer ??= setTimeout(() => this.#push(), pushDelayMs);
  }

  /** While this router does not hear itself only beats go out: what nobody hears must not pile up in a socket. */
  #push(): void {
    this.#pushTimer = undefined;
    const hearsItself = this.#hearsItself();
    const { dropped } = this.#outbox;
    if (!hearsItself) this.#outbox.dropWaiting();
    if (this.#outbox.dropped > dropped) this.#lostAt = this.#options.clock.monotonic();
    for (const { to, messages } of hearsItself ? this.#outbox.take() : [])
      this.#send(messages, to === undefined ? this.#channel : this.#channelOf(to));
  }

  /** What is for one router goes over a channel of its own: the others need not read it. */
  #channelOf(router: string): string {
    return redisKeys.ledgerTo(this.#options.vpcId, router);
  }

  #beat(): void {
    const now = this.#options.clock.monotonic();
    this.#send([this.#outbox.beat()], this.#channel);
    const silentMs = now - Math.max(this.#heardItselfAt, this.#connectedAt);
    if (silentMs < stuckMs) return;
    this.#connectedAt = now;
    for (const { client } of [this.#publisher, this.#subscriber])
      if (client.status === 'ready') client.disconnect(true);
  }

  #send(messages: readonly LedgerMessage[], channel: string): void {
    const text = this.#textOf(messages);
    if (text === undefined) return;
    this.#publisher.client.publish(channel, text).then(
      () => (this.#sent += messages.length),
      () => (this.#lost += messages.length),
    );
  }

  /** Undefined where one of them has a value that none may have: they are lost, and the router goes on. */
  #textOf(messages: readonly LedgerMessage[]): string | undefined {
    try {
      return encodeBatch({ sender: this.#sender, messages });
    } catch (err) {
      this.#lost += messages.length;
      this.#lostAt = this.#options.clock.monotonic();
      this.#options.log.error({ err }, 'ledger.unsendable');
      return undefined;
    }
  }

  async #show(): Promise<void> {
    if (!this.#publisher.up()) return;
    const row = this.#outbox.row();
    const loads = Object.entries(row?.replicas ?? {});
    const fields = {
      epoch: String(this.#options.epoch),
      seq: String(row?.seq ?? 0),
      at: new Date(this.#options.clock.now()).toISOString(),
      ...this.#options.describe?.(),
      ...Object.fromEntries(loads.map(([replica, load]) => [`replica:${replica}`, JSON.stringify(load)])),
    };
    const write = this.#publisher.client.multi().del(this.#key).hset(this.#key, fields).pexpire(this.#key, keyTtlMs);
    // The next second brings the next try.
    await write.exec().catch(() => null);
  }
}
