import type { Clock } from '#shared/runtime/clock.ts';
import { within } from '#shared/runtime/within.ts';

/** Wakes everybody who waits for a change; a change that nobody waited for is not remembered. */
export class ChangeSignal {
  readonly #clock: Clock;
  #waiters = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  notify(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const wake of waiters) wake();
  }

  /** Resolves at the next change, after `ms`, or when the signal aborts. Never rejects. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add(resolve);
    await within(promise, ms, { clock: this.#clock, signal }).catch(() => {});
    this.#waiters.delete(resolve);
  }
}
