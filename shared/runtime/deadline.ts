import type { Clock } from '#shared/runtime/clock.ts';

/** Calls `expired` once when it was not touched for `ms`, unless it is disposed first. One timer, however many touches. */
export class Deadline implements Disposable {
  readonly #stop = new AbortController();
  readonly #clock: Clock;
  readonly #ms: number;
  #touchedAt: number;

  constructor(clock: Clock, ms: number, expired: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#touchedAt = clock.monotonic();
    this.#wait().then(
      (over) => over && expired(),
      () => {},
    );
  }

  /** Counts from now again. */
  touch(): void {
    this.#touchedAt = this.#clock.monotonic();
  }

  [Symbol.dispose](): void {
    // A reason of its own: making the usual exception costs more than the timer.
    this.#stop.abort('disposed');
  }

  /** Rejects when disposed. */
  async #wait(): Promise<boolean> {
    for (;;) {
      await this.#untilDue();
      // Timers come before sockets: after a standstill of this process, what has arrived meanwhile is read first.
      await this.#clock.sleep(0, this.#stop.signal);
      if (this.#leftMs() <= 0) return !this.#stop.signal.aborted;
    }
  }

  async #untilDue(): Promise<void> {
    for (let leftMs = this.#leftMs(); leftMs > 0; leftMs = this.#leftMs())
      await this.#clock.sleep(Math.max(1, leftMs), this.#stop.signal);
  }

  #leftMs(): number {
    return this.#touchedAt + this.#ms - this.#clock.monotonic();
  }
}
