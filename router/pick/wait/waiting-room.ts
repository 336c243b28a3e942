import { SharedRoom } from '../../admit/shared-room.ts';

/** Room for those who wait, in requests and in bytes of their bodies, shared out between pools. */
export class WaitingRoom {
  readonly #requests: SharedRoom;
  readonly #bytes: SharedRoom;
  readonly #bytesMax: number;

  constructor(limits: { readonly queueMax: number; readonly queueBytesMax: number }) {
    this.#requests = new SharedRoom(limits.queueMax);
    this.#bytes = new SharedRoom(limits.queueBytesMax);
    this.#bytesMax = limits.queueBytesMax;
  }

  /** Requests that wait. */
  get total(): number {
    return this.#requests.total;
  }

  /** Whether so many bytes fit in if others give way. */
  couldTake(bytes: number): boolean {
    return bytes <= this.#bytesMax;
  }

  take(pool: string, bytes: number): boolean {
    if (!this.#requests.take(pool, 1)) return false;
    if (this.#bytes.take(pool, bytes)) return true;
    this.#requests.giveBack(pool, 1);
    return false;
  }

  /** Takes it beyond all bounds. */
  add(pool: string, bytes: number): void {
    this.#requests.add(pool, 1);
    this.#bytes.add(pool, bytes);
  }

  giveBack(pool: string, bytes: number): void {
    this.#requests.giveBack(pool, 1);
    this.#bytes.giveBack(pool, bytes);
  }
}
