import type { Clock } from '#shared/runtime/clock.ts';

/** Calls `expired` once when it was not touched for `ms`, unless it is disposed first. One timer, however many touches. */
export class Deadline implements Disposable {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #expired: () => void;
  #touchedAt: number;
  #cancel: () => void;

  constructor(clock: Clock, ms: number, expired: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#expired = expired;
    this.#touchedAt = clock.monotonic();
    this.#cancel = clock.after(Math.max(0, ms), this.#look);
  }

  /** Counts from now again. */
  touch(): void {
    this.#touchedAt = this.#clock.monotonic();
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }

  readonly #look = (): void => {
    const leftMs = this.#leftMs();
    // Timers come before sockets: after a standstill of this process, what has arrived meanwhile is read first.
    this.#cancel = leftMs > 0 ? this.#clock.after(Math.max(1, leftMs), this.#look) : this.#clock.after(0, this.#end);
  };

  readonly #end = (): void => {
    if (this.#leftMs() > 0) this.#look();
    else this.#expired();
  };

  #leftMs(): number {
    return this.#touchedAt + this.#ms - this.#clock.monotonic();
  }
}
