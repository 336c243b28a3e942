import { beatMs, echoTtlMs } from '../ledger/ledger-channel.ts';
import type { LedgerChannel } from '../ledger/ledger-channel.ts';
import type { LedgerMessage } from '../ledger/ledger-message.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

interface Delivery {
  readonly at: number;
  readonly to: MemoryLedgerChannel;
  readonly message: LedgerMessage;
}

/** Joins memory channels. Time stands still until `advance` is called; everything happens within it. */
export class MemoryLedgerHub {
  readonly #lagMs: number;
  readonly #jitterMs: number;
  readonly #loss: number;
  readonly #duplication: number;
  readonly #random: () => number;
  readonly #channels = new Set<MemoryLedgerChannel>();
  #onTheWay: Delivery[] = [];
  #time = 0;

  /** How it misbehaves; shares are between 0 and 1. */
  constructor(faults: {
    seed: number;
    /** From publishing to delivery. */
    lagMs: number;
    /** Added to the lag, at random up to this much, for each delivery: messages overtake each other. */
    jitterMs?: number;
    /** Share of deliveries that are lost. */
    loss?: number;
    /** Share of deliveries that come twice. */
    duplication?: number;
  }) {
    this.#lagMs = faults.lagMs;
    this.#jitterMs = faults.jitterMs ?? 0;
    this.#loss = faults.loss ?? 0;
    this.#duplication = faults.duplication ?? 0;
    this.#random = seededRandom(faults.seed);
  }

  /** Milliseconds that have been advanced. */
  now(): number {
    return this.#time;
  }

  open(router: string): MemoryLedgerChannel {
    const channel = new MemoryLedgerChannel(this, router);
    this.#channels.add(channel);
    channel.beat();
    return channel;
  }

  close(channel: MemoryLedgerChannel): void {
    this.#channels.delete(channel);
  }

  send(message: LedgerMessage): void {
    for (const to of this.#channels) {
      if ('to' in message && message.to !== to.router) continue;
      if (this.#random() >= this.#loss) this.#enqueue(to, message);
      if (this.#random() < this.#duplication) this.#enqueue(to, message);
    }
  }

  /** Moves time on and delivers in order whatever is due, also what is published meanwhile. */
  advance(ms: number): void {
    const end = this.#time + ms;
    for (;;) {
      const next = Math.min(...[...this.#channels].map(({ beatAt }) => beatAt), ...this.#onTheWay.map(({ at }) => at));
      if (next > end) break;
      this.#time = Math.max(this.#time, next);
      for (const channel of this.#channels) if (channel.beatAt <= this.#time) channel.beat();
      this.#deliver();
    }
    this.#time = end;
  }

  #enqueue(to: MemoryLedgerChannel, message: LedgerMessage): void {
    const at = this.#time + this.#lagMs + this.#random() * this.#jitterMs;
    this.#onTheWay.push({ at, to, message });
  }

  /** The sort is stable: what is due at one time keeps the order of sending. */
  #deliver(): void {
    const due = this.#onTheWay.filter(({ at }) => at <= this.#time).toSorted((a, b) => a.at - b.at);
    this.#onTheWay = this.#onTheWay.filter(({ at }) => at > this.#time);
    for (const { to, message } of due) if (this.#channels.has(to)) to.hear(message);
  }
}

/** A channel within one process, for tests and simulations, with the faults of a real one on demand. */
export class MemoryLedgerChannel implements LedgerChannel {
  /** When the next beat is due. */
  beatAt = 0;
  readonly #hub: MemoryLedgerHub;
  readonly router: string;
  readonly #handlers = new Set<(message: LedgerMessage) => void>();
  #lastRow: { readonly message: Extract<LedgerMessage, { kind: 'row' }>; readonly at: number } | undefined;
  #heardItselfAt: number | undefined;
  #isCut = false;
  #isClosed = false;

  constructor(hub: MemoryLedgerHub, router: string) {
    this.#hub = hub;
    this.router = router;
  }

  publish(message: LedgerMessage): void {
    if (message.kind === 'row') this.#lastRow = { message, at: this.#hub.now() };
    this.#say(message);
  }

  subscribe(handler: (message: LedgerMessage) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  up(): boolean {
    return this.#heardItselfAt !== undefined && this.#hub.now() - this.#heardItselfAt <= echoTtlMs;
  }

  /** Cuts this router off, both ways, or joins it again. What reaches it meanwhile is lost. */
  setCut(isCut: boolean): void {
    this.#isCut = isCut;
  }

  /** Called by the hub when a beat is due. */
  beat(): void {
    this.beatAt = this.#hub.now() + beatMs;
    const last = this.#lastRow;
    this.#say(last ? { ...last.message, ageMs: this.#hub.now() - last.at } : { kind: 'hello', from: this.router });
  }

  /** Called by the hub with everything that was published, its own messages too. */
  hear(message: LedgerMessage): void {
    if (this.#isCut) return;
    if (message.from === this.router) this.#heardItselfAt = this.#hub.now();
    else for (const handler of this.#handlers) handler(message);
  }

  #say(message: LedgerMessage): void {
    if (!this.#isCut && !this.#isClosed) this.#hub.send(message);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#hub.close(this);
    return Promise.resolve();
  }
}
