import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import type { LedgerRow } from '../replicas/replica-table.ts';
import { beatMs, echoTtlMs, type LedgerChannel } from '../ledger/ledger-channel.ts';
import { decodeBatch, encodeBatch } from '../ledger/ledger-codec.ts';
import { isUrgent, type LedgerMessage } from '../ledger/ledger-message.ts';
import { LedgerOutbox } from '../ledger/ledger-outbox.ts';

/** A process's end of a way to a `LedgerRelay`. */
export interface RelayLink {
  /** `sent` is called when there is room for more. */
  send(text: string, to: string | undefined, sent: () => void): void;
  /** Until the returned function is called. */
  hear(handler: (text: string) => void): () => void;
}

/** Who says what through which link. */
export interface RelayedLedgerOptions {
  readonly router: string;
  readonly link: RelayLink;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Messages wait this long for others to travel with them. */
const pushDelayMs = 10;
/** So many that nobody has taken are enough. */
const beatsMax = 4;

/** The ledger between processes of one machine, over a relay that hands on what they say. */
export class RelayedLedgerChannel implements LedgerChannel {
  readonly #options: RelayedLedgerOptions;
  readonly #outbox: LedgerOutbox;
  readonly #handlers = new Set<(message: LedgerMessage) => void>();
  readonly #beats: Loop;
  readonly #unhear: () => void;
  #pushTimer: NodeJS.Timeout | undefined;
  #heardItselfAt = -Infinity;
  #underWay = 0;
  #lost = 0;
  #closed = false;

  constructor(options: RelayedLedgerOptions) {
    const { router, link, clock, log } = options;
    this.#options = options;
    this.#outbox = new LedgerOutbox(router, () => clock.monotonic());
    this.#unhear = link.hear((text) => this.#hear(text));
    this.#beats = startLoop({ name: 'ledger.beat', everyMs: beatMs, clock, log }, () => {
      if (this.#underWay < beatsMax) this.#send([this.#outbox.beat()], undefined);
    });
  }

  publish(message: LedgerMessage): void {
    if (this.#closed) return;
    if (isUrgent(message)) {
      if (this.up()) this.#send([message], 'to' in message ? message.to : undefined);
      return;
    }
    this.#outbox.add(message);
    this.#pushTimer ??= setTimeout(() => this.#push(), pushDelayMs);
  }

  rowChanged(row: () => LedgerRow): void {
    if (this.#closed) return;
    this.#outbox.rowChanged(row);
    this.#pushTimer ??= setTimeout(() => this.#push(), pushDelayMs);
  }

  subscribe(handler: (message: LedgerMessage) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  up(): boolean {
    return this.#options.clock.monotonic() - this.#heardItselfAt <= echoTtlMs;
  }

  /** What was not sent since the start. */
  counts(): { readonly dropped: number } {
    return { dropped: this.#lost + this.#outbox.dropped };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pushTimer);
    this.#unhear();
    this.#handlers.clear();
    await this.#beats[Symbol.asyncDispose]();
  }

  #hear(text: string): void {
    if (text === '') this.#heardItselfAt = this.#options.clock.monotonic();
    else
      for (const message of decodeBatch(text)?.messages ?? []) for (const handler of this.#handlers) handler(message);
  }

  /** While nobody takes what was sent more waits, as much as the outbox holds. */
  #push(): void {
    this.#pushTimer = undefined;
    if (!this.up()) this.#outbox.dropWaiting();
    else if (this.#underWay > 0) this.#pushTimer = setTimeout(() => this.#push(), pushDelayMs);
    else for (const { to, messages } of this.#outbox.take()) this.#send(messages, to);
  }

  /** A message with a value that none may have is lost, and the router goes on. */
  #send(messages: readonly LedgerMessage[], to: string | undefined): void {
    const { router, link, log } = this.#options;
    try {
      const text = encodeBatch({ sender: router, messages });
      this.#underWay += 1;
      link.send(text, to, () => (this.#underWay -= 1));
    } catch (err) {
      this.#lost += messages.length;
      log.error({ err }, 'ledger.unsendable');
    }
  }
}
