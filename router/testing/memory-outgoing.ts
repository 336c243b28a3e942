import { EventEmitter } from 'node:events';
import type { Outgoing } from '../request/client-reply.ts';

/** An answer that a test reads: what was written, when the client leaves, and how much it takes. */
export class MemoryOutgoing extends EventEmitter implements Outgoing {
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  destroyed = false;
  chunkedEncoding = false;
  status = 0;
  headers: Record<string, string> = {};
  text = '';
  /** Bytes that the client takes before it stalls. */
  room = Number.POSITIVE_INFINITY;
  #corked = false;

  get writableLength(): number {
    return Math.max(0, -this.room);
  }

  get writableNeedDrain(): boolean {
    return this.room <= 0 && !this.writableEnded;
  }

  writeHead(status: number, headers: Record<string, string>): this {
    if (this.headersSent) throw new Error('the head went out twice');
    this.status = status;
    this.headers = headers;
    this.headersSent = true;
    return this;
  }

  write(chunk: Buffer): boolean {
    if (!this.headersSent) throw new Error('written before the head');
    if (this.writableEnded) throw new Error('written after the end');
    this.text += chunk.toString();
    this.room -= chunk.length;
    return this.room > 0 && !this.#corked;
  }

  end(): this {
    this.writableEnded = true;
    this.#finish();
    return this;
  }

  cork(): void {
    this.#corked = true;
  }

  /** As Node does with more than its buffer holds: the writes said no, and what can leave now drains at once. */
  uncork(): void {
    this.#corked = false;
    if (this.room > 0) this.emit('drain');
  }

  destroy(): this {
    this.destroyed = true;
    this.emit('close');
    return this;
  }

  /** The client takes this much more. */
  take(bytes: number): void {
    this.room = bytes;
    if (this.writableEnded) this.#finish();
    else this.emit('drain');
  }

  /** The client takes a part of what waits. */
  sip(bytes: number): void {
    this.room = Math.min(0, this.room + bytes);
  }

  #finish(): void {
    if (this.writableLength > 0) return;
    this.writableFinished = true;
    this.emit('finish');
    this.emit('close');
  }
}
