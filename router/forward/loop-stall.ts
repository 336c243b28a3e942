import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';

const everyMs = 100;
/** A beat that comes so late means that nothing of this process ran meanwhile. */
const stallMs = 400;

/** Tells whether this process's own event loop stood still: what timed out then is nobody else's failure. */
export class LoopStall implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #loop: Loop;
  #beatAt: number;
  #stalledAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#beatAt = clock.monotonic();
    this.#loop = startLoop({ name: 'loop.stall', everyMs, clock, log }, () => this.#beat());
  }

  /** True when it stood still at some time since this monotonic instant. */
  since(at: number): boolean {
    this.#beat();
    return this.#stalledAt >= at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
  }

  #beat(): void {
    const now = this.#clock.monotonic();
    if (now - this.#beatAt >= everyMs + stallMs) this.#stalledAt = now;
    this.#beatAt = now;
  }
}
