import type { LedgerRow } from '../replicas/replica-table.ts';
import type { LedgerMessage } from './ledger-message.ts';

/** Bounds of what waits to be sent, in approximate bytes on the wire. */
export interface OutboxLimits {
  readonly maxBytes: number;
  readonly maxBatchBytes: number;
}

const defaultLimits: OutboxLimits = { maxBytes: 4 * 1024 * 1024, maxBatchBytes: 256 * 1024 };
const messageBytes = 200;
const figuresBytes = 190;
const flowBytes = 37;
const nameBytes = 40;
const base64 = 4 / 3;

/** Messages that are sent at once: to one router, or to all. */
export interface OutboxBatch {
  readonly to: string | undefined;
  readonly messages: LedgerMessage[];
}

/** What a router has to say: of its rows only the newest, of other messages all that wait for the next push, within bounds. */
export class LedgerOutbox {
  /** Messages that did not fit. */
  dropped = 0;
  readonly #router: string;
  /** A monotonic clock's time, milliseconds. */
  readonly #now: () => number;
  readonly #limits: OutboxLimits;
  /** The newest row, and when it was made. */
  #newest: { readonly row: LedgerRow; readonly at: number } | undefined;
  /** Gives a newer one. */
  #changedRow: (() => LedgerRow) | undefined;
  #isRowWaiting = false;
  #waiting: LedgerMessage[] = [];
  #bytes = 0;

  constructor(router: string, now: () => number, limits: OutboxLimits = defaultLimits) {
    this.#router = router;
    this.#now = now;
    this.#limits = limits;
  }

  add(message: LedgerMessage): void {
    if (message.kind === 'row') return this.rowChanged(() => message.row);
    const size = wireBytes(message);
    if (this.#bytes + size > this.#limits.maxBytes) {
      this.dropped++;
      return;
    }
    this.#waiting.push(message);
    this.#bytes += size;
  }

  /** The row is asked for when it is next looked at, however often it changes until then. */
  rowChanged(row: () => LedgerRow): void {
    this.#changedRow = row;
  }

  /** The newest row. */
  row(): LedgerRow | undefined {
    const row = this.#changedRow;
    if (row === undefined) return this.#newest?.row;
    this.#changedRow = undefined;
    this.#newest = { row: row(), at: this.#now() };
    this.#isRowWaiting = true;
    return this.#newest.row;
  }

  /** What is said at every beat: the newest row, as old as it is by now, also while it waits for the next push. */
  beat(): LedgerMessage {
    const [row, from] = [this.row(), this.#router];
    if (row === undefined || this.#newest === undefined) return { kind: 'hello', from };
    return { kind: 'row', from, row, ageMs: this.#now() - this.#newest.at };
  }

  /** Takes everything out, in batches that are small enough to send; what goes to one router keeps its order. */
  take(): OutboxBatch[] {
    const batches: OutboxBatch[] = [];
    const row = this.beat();
    const last = new Map<string | undefined, { batch: OutboxBatch; room: number }>();
    for (const message of this.#isRowWaiting ? [row, ...this.#waiting] : this.#waiting) {
      const to = 'to' in message ? message.to : undefined;
      const size = wireBytes(message);
      let open = last.get(to);
      if (open === undefined || size > open.room) {
        open = { batch: { to, messages: [] }, room: this.#limits.maxBatchBytes };
        last.set(to, open);
        batches.push(open.batch);
      }
      open.batch.messages.push(message);
      open.room -= size;
    }
    this.#isRowWaiting = false;
    this.#clear();
    return batches;
  }

  /** Drops what waits, but for the row: it is whole, and the next one replaces it. */
  dropWaiting(): void {
    this.dropped += this.#waiting.length;
    this.#clear();
  }

  #clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
  }
}

/** About how long the message is on the wire. */
function wireBytes(message: LedgerMessage): number {
  switch (message.kind) {
    case 'row':
      return messageBytes + figuresBytes * Object.keys(message.row.replicas).length;
    case 'flows':
      return messageBytes + flowBytes * message.served.flows.size;
    case 'news':
      return messageBytes + base64 * (message.news.newKeys.byteLength + message.news.newBytes.byteLength);
    case 'index-piece':
      return messageBytes + base64 * (2 * message.keys.byteLength + message.bytes.byteLength);
    case 'look':
      return 2 * messageBytes + nameBytes * (message.signals.residentAdapters?.length ?? 0);
    case 'ask':
    case 'kept':
    case 'want':
    case 'grant':
    case 'hello':
      return messageBytes;
  }
}
