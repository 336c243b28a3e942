import type { LedgerMessage } from './ledger-message.ts';

/** Bounds of what waits to be sent, in approximate bytes on the wire. */
export interface OutboxLimits {
  readonly maxBytes: number;
  readonly maxBatchBytes: number;
}

const defaultLimits: OutboxLimits = { maxBytes: 4 * 1024 * 1024, maxBatchBytes: 256 * 1024 };
const MESSAGE_BYTES = 200;
const FIGURES_BYTES = 160;
const BASE64 = 4 / 3;

/** Messages that wait for the next push: of rows only the newest, of the others all, within bounds. */
export class LedgerOutbox {
  /** Messages that did not fit. */
  dropped = 0;
  private readonly limits: OutboxLimits;
  private row: LedgerMessage | undefined;
  private waiting: LedgerMessage[] = [];
  private bytes = 0;

  constructor(limits: OutboxLimits = defaultLimits) {
    this.limits = limits;
  }

  add(message: LedgerMessage): void {
    if (message.kind === 'row') {
      this.row = message;
      return;
    }
    const size = wireBytes(message);
    if (this.bytes + size > this.limits.maxBytes) {
      this.dropped++;
      return;
    }
    this.waiting.push(message);
    this.bytes += size;
  }

  /** Takes everything out, in batches that are small enough to send. */
  take(): LedgerMessage[][] {
    const batches: LedgerMessage[][] = [];
    let room = 0;
    for (const message of this.row ? [this.row, ...this.waiting] : this.waiting) {
      const size = wireBytes(message);
      if (size > room || batches.length === 0) {
        batches.push([]);
        room = this.limits.maxBatchBytes;
      }
      batches.at(-1)?.push(message);
      room -= size;
    }
    this.clear();
    return batches;
  }

  /** Drops what waits, but for the row: it is whole, and the next one replaces it. */
  dropWaiting(): void {
    this.dropped += this.waiting.length;
    this.waiting = [];
    this.bytes = 0;
  }

  private clear(): void {
    this.row = undefined;
    this.waiting = [];
    this.bytes = 0;
  }
}

/** About how long the message is on the wire. */
function wireBytes(message: LedgerMessage): number {
  switch (message.kind) {
    case 'row': {
      const { replicas, flows } = message.row;
      return MESSAGE_BYTES + FIGURES_BYTES * (Object.keys(replicas).length + Object.keys(flows).length);
    }
    case 'news':
      return MESSAGE_BYTES + BASE64 * (message.news.newKeys.byteLength + message.news.newBytes.byteLength);
    case 'index-piece':
      return MESSAGE_BYTES + BASE64 * (2 * message.keys.byteLength + message.bytes.byteLength);
    case 'ask':
    case 'hello':
      return MESSAGE_BYTES;
  }
}
