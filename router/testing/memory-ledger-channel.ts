import { beatMs, echoTtlMs } from '../ledger/ledger-channel.ts';
import type { LedgerChannel } from '../ledger/ledger-channel.ts';
import type { LedgerRow } from '../replicas/replica-table.ts';
import type { LedgerMessage } from '../ledger/ledger-message.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

interface Delivery {
  readonly at: number;
  readonly to: MemoryLedgerChannel;
  readonly message: LedgerMessage;
}

/** What goes wrong on the way; shares are between 0 and 1. */
export interface MemoryLedgerFaults {
  /** Added to the lag, at random up to this much, for each delivery: messages overtake each other. */
  readonly jitterMs?: number;
  /** Share of deliveries that are lost. */
  readonly loss?: number;
  /** Share of deliveries that come twice. */
  readonly duplication?: number;
}

/** Joins memory channels. Time stands still until `advance` is called; everything happens within it. */
export class MemoryLedgerHub {
  readonly #lagMs: number;
  readonly #random: () => number;
  readonly #channels = new Set<MemoryLedgerChannel>();
  #onTheWay: Delivery[] = [];
  #time = 0;
  #half: ReadonlySet<string> = new Set();
  /** How it misbehaves from now on. */
  faults: MemoryLedgerFaults;

  /** `lagMs`: from publishing to delivery. */
  constructor({ seed, lagMs, ...faults }: MemoryLedgerFaults & { readonly seed: number; readonly lagMs: number }) {
    this.#lagMs = lagMs;
    this.#random = seededRandom(seed);
    this.faults = faults;
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

  /** From now on these routers and the others do not hear each other: two servers, each with its half. */
  split(half: ReadonlySet<string>): void {
    this.#half = half;
  }

  send(message: LedgerMessage): void {
    const { loss = 0, duplication = 0 } = this.faults;
    for (const to of this.#channels) {
      if ('to' in message && message.to !== to.router) continue;
      if (this.#half.has(message.from) !== this.#half.has(to.router)) continue;
      if (this.#random() >= loss) this.#enqueue(to, message);
      if (this.#random() < duplication) this.#enqueue(to, message);
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
    const at = this.#time + this.#lagMs + this.#random() * (this.faults.jitterMs ?? 0);
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
  /** What has come while the process stands still: its sockets hold it. */
  #held: LedgerMessage[] | undefined;
  #isClosed = false;

  constructor(hub: MemoryLedgerHub, router: string) {
    this.#hub = hub;
    this.router = router;
  }

  publish(message: LedgerMessage): void {
    if (message.kind === 'row') this.#lastRow = { message, at: this.#hub.now() };
    this.#say(message);
  }

  rowChanged(row: () => LedgerRow): void {
    this.publish({ kind: 'row', from: this.router, row: row(), ageMs: 0 });
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

  /** The process of this router stands still: nothing goes out, and what comes in is heard when it goes on. */
  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.hear(message);
  }

  /** Called by the hub when a beat is due. */
  beat(): void {
    this.beatAt = this.#hub.now() + beatMs;
    if (this.#held !== undefined) return;
    const last = this.#lastRow;
    this.#say(last ? { ...last.message, ageMs: this.#hub.now() - last.at } : { kind: 'hello', from: this.router });
  }

  /** Called by the hub with everything that was published, its own messages too. */
  hear(message: LedgerMessage): void {
    if (this.#isCut) return;
    if (this.#held !== undefined) return void this.#held.push(message);
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
