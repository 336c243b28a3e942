import { beatMs, echoTtlMs, type LedgerChannel } from '../../router/ledger/ledger-channel.ts';
import type { LedgerRow } from '../../router/replicas/replica-table.ts';
import { isUrgent, type LedgerMessage } from '../../router/ledger/ledger-message.ts';
import { LedgerOutbox } from '../../router/ledger/ledger-outbox.ts';
import type { ProcessTime, VirtualTime } from './virtual-time.ts';

/** Messages wait this long for others to travel with them, as in `RedisLedgerChannel`. */
const pushDelayMs = 10;

/** Carries ledger messages between the routers of a simulation, or does not. */
export class VirtualRedis {
  isUp = true;
  readonly #time: VirtualTime;
  /** From publishing to delivery, milliseconds. */
  readonly #lagMs: number;
  readonly #channels = new Set<VirtualLedgerChannel>();

  constructor(time: VirtualTime, lagMs: number) {
    this.#time = time;
    this.#lagMs = lagMs;
  }

  open(router: string, time: ProcessTime): VirtualLedgerChannel {
    const channel = new VirtualLedgerChannel(router, { redis: this, time });
    this.#channels.add(channel);
    return channel;
  }

  close(channel: VirtualLedgerChannel): void {
    this.#channels.delete(channel);
  }

  send(from: VirtualLedgerChannel, to: string | undefined, messages: readonly LedgerMessage[]): void {
    if (!this.isUp) return;
    this.#time.after(this.#lagMs, () => {
      for (const channel of this.#channels)
        if (to === undefined || channel.router === to) channel.receive(from, messages);
    });
  }
}

/** The ledger of one router, with the outbox, delays and beats of `RedisLedgerChannel`; nothing is written as text. */
export class VirtualLedgerChannel implements LedgerChannel {
  readonly router: string;
  readonly #redis: VirtualRedis;
  readonly #time: ProcessTime;
  readonly #outbox: LedgerOutbox;
  readonly #handlers = new Set<(message: LedgerMessage) => void>();
  #heardItselfAt = Number.NEGATIVE_INFINITY;
  #isPushing = false;
  #isClosed = false;

  constructor(router: string, { redis, time }: { redis: VirtualRedis; time: ProcessTime }) {
    this.#redis = redis;
    this.#time = time;
    this.router = router;
    this.#outbox = new LedgerOutbox(router, () => time.now());
    this.#beat();
  }

  publish(message: LedgerMessage): void {
    if (isUrgent(message)) {
      if (this.up()) this.#redis.send(this, 'to' in message ? message.to : undefined, [message]);
      return;
    }
    this.#outbox.add(message);
    this.#pushSoon();
  }

  rowChanged(row: () => LedgerRow): void {
    this.#outbox.rowChanged(row);
    this.#pushSoon();
  }

  subscribe(handler: (message: LedgerMessage) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  up(): boolean {
    return this.#time.now() - this.#heardItselfAt <= echoTtlMs;
  }

  /** What came; a router's own messages show it that it is heard. */
  receive(from: VirtualLedgerChannel, messages: readonly LedgerMessage[]): void {
    this.#time.awake(() => {
      if (from === this) this.#heardItselfAt = this.#time.now();
      else for (const message of messages) for (const handler of this.#handlers) handler(message);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#handlers.clear();
    this.#redis.close(this);
    return Promise.resolve();
  }

  #pushSoon(): void {
    if (this.#isPushing) return;
    this.#isPushing = true;
    this.#time.after(pushDelayMs, () => this.#push());
  }

  #push(): void {
    this.#isPushing = false;
    if (this.#isClosed) return;
    if (!this.up()) return this.#outbox.dropWaiting();
    for (const { to, messages } of this.#outbox.take()) this.#redis.send(this, to, messages);
  }

  #beat(): void {
    if (this.#isClosed) return;
    this.#redis.send(this, undefined, [this.#outbox.beat()]);
    this.#time.after(beatMs, () => this.#beat());
  }
}
