import { Dealer, Subscriber } from 'zeromq';
import type { PoolReplica, PoolDocument } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { httpOrigin } from '#shared/runtime/http/http-origin.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { CacheNews } from '../../replicas/cache-news.ts';
import { CacheAccount } from './cache-account.ts';
import { readEvents } from './event-batch.ts';

/** What became of events: `missed` ones were asked for again in vain. */
export type KvEventResult = 'read' | 'replayed' | 'missed' | 'restarted' | 'unreadable';

/** One engine that publishes its KV events. */
export interface KvSubscriberOptions {
  readonly replica: PoolReplica;
  readonly ports: NonNullable<PoolDocument['engine']['kvEvents']>;
  /** Its cache is empty now. */
  readonly cleared: () => void;
  readonly counted: (result: KvEventResult) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A prompt of 1 million tokens takes 5 MB. */
const messageBytesMax = 16 * 1024 * 1024;
/** Messages that wait to be read; more are lost, which their numbers show. */
const waitingMax = 1000;
const replayTimeoutMs = 2000;
/** An engine of an older template may publish nothing: it is asked less and less often, milliseconds. */
const reconnecting = { reconnectInterval: 100, reconnectMaxInterval: 5000 };

/**
 * Reads what one engine publishes of its KV cache (vLLM and SGLang; ZeroMQ, reference: vLLM's kv_events.py): topic, number of
 * the message, events. Messages that are missing are asked for again, up to the one that showed it; a number that is lower
 * than the last one is another process'.
 */
export class KvSubscriber implements AsyncDisposable {
  readonly #options: KvSubscriberOptions;
  readonly #account = new CacheAccount();
  readonly #socket: Subscriber;
  readonly #reading: Promise<void>;
  /** Number of the next message, once there was one. */
  #expected: number | undefined;
  /** The connection was lost since then: who speaks may be another process that has said more already. */
  #isCut = false;
  /** Where a replay is asked for, while one is. */
  #dealer: Dealer | undefined;

  constructor(options: KvSubscriberOptions) {
    this.#options = options;
    this.#socket = new Subscriber({
      receiveHighWaterMark: waitingMax,
      maxMessageSize: messageBytesMax,
      ...reconnecting,
      ipv6: true,
      linger: 0,
    });
    this.#socket.events.on('disconnect', () => (this.#isCut = true));
    this.#reading = this.#read().catch((err: unknown) => {
      this.#account.missed();
      options.log.warn({ err, replicaId: options.replica.replicaId }, 'kv-events.ended');
    });
  }

  news(): CacheNews {
    return this.#account.news(this.#options.clock.monotonic());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    this.#dealer?.close();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { replica, ports, counted, log } = this.#options;
    this.#socket.connect(endpointOf(replica.address, ports.port));
    this.#socket.subscribe();
    for await (const frames of this.#socket) {
      const [number, payload] = frames.slice(-2);
      try {
        if (number?.length === 8 && payload !== undefined) await this.#take(Number(number.readBigUInt64BE()), payload);
      } catch (error) {
        this.#account.missed();
        counted('unreadable');
        // The message itself holds tokens of prompts.
        const reason = error instanceof Error ? error.name : 'unknown';
        log.debug({ replicaId: replica.replicaId, reason }, 'kv-events.unreadable');
      }
    }
  }

  async #take(number: number, payload: Uint8Array): Promise<void> {
    const before = this.#expected;
    const isRestarted = before !== undefined && number < before;
    this.#expected = number + 1;
    if (isRestarted) this.#cleared('restarted');
    const from = before === undefined || isRestarted || this.#isCut ? 0 : before;
    this.#isCut = false;
    if (from === 0) this.#account.begin();
    if (from < number) {
      const isWhole = await this.#replay(from, number);
      this.#options.counted(isWhole ? 'replayed' : 'missed');
      if (!isWhole) this.#account.missed();
    }
    this.#apply(payload);
    this.#options.counted('read');
  }

  #apply(payload: Uint8Array): void {
    const events = readEvents(payload);
    this.#account.take(events, this.#options.clock.monotonic());
    if (events.some(({ kind }) => kind === 'cleared')) this.#options.cleared();
  }

  #cleared(result: KvEventResult): void {
    const { clock, cleared, counted } = this.#options;
    this.#account.clear(clock.monotonic());
    counted(result);
    cleared();
  }

  /** Reads the messages from one number to before another. False unless each of them came. */
  async #replay(from: number, to: number): Promise<boolean> {
    const { replica, ports, clock } = this.#options;
    if (ports.replayPort === undefined) return false;
    const dealer = new Dealer({ maxMessageSize: messageBytesMax, ipv6: true, linger: 0 });
    this.#dealer = dealer;
    try {
      dealer.connect(endpointOf(replica.address, ports.replayPort));
      const start = Buffer.alloc(8);
      start.writeBigUInt64BE(BigInt(from));
      await dealer.send(['', start]);
      const endsAt = clock.monotonic() + replayTimeoutMs;
      for (let next = from; next < to; next += 1) {
        dealer.receiveTimeout = Math.max(0, Math.ceil(endsAt - clock.monotonic()));
        const [number, payload] = (await dealer.receive()).slice(-2);
        // The end of a replay has no payload; what is no longer kept is left out at the front.
        if (payload === undefined || number?.length !== 8 || Number(number.readBigUInt64BE()) !== next) return false;
        if (clock.monotonic() > endsAt) return false;
        this.#apply(payload);
      }
      return true;
    } catch {
      return false;
    } finally {
      dealer.close();
      this.#dealer = undefined;
    }
  }
}

function endpointOf(address: string, port: number): string {
  return httpOrigin(address, port).replace(/^http/, 'tcp');
}
