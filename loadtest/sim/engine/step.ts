import type { StepWork } from './scheduler.ts';

/** Times of steps that follow each other directly: the first takes `firstMs`, each further one `growthMs` more. */
export interface StepTimes {
  readonly startsAt: number;
  readonly firstMs: number;
  readonly growthMs: number;
}

/**
 * One step of the engine, or several in a row that decode the same sequences: each adds a token to every context, so
 * their durations grow evenly and their ends have a closed form.
 */
export class Step {
  readonly work: StepWork;
  /** Steps of the row whose results the engine has taken. */
  taken = 0;
  readonly #times: StepTimes;
  #count: number;
  #endsAt: number;

  constructor(work: StepWork, times: StepTimes, count: number) {
    this.work = work;
    this.#times = times;
    this.#count = count;
    this.#endsAt = this.#endOf(count);
  }

  /** Steps in the row. */
  get count(): number {
    return this.#count;
  }

  /** When the last step of the row ends. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** How many steps of the row have ended at `now`. */
  endedAt(now: number): number {
    if (now >= this.#endsAt) return this.#count;
    const { startsAt, firstMs, growthMs } = this.#times;
    const passed = Math.max(0, now - startsAt);
    const linear = firstMs - growthMs / 2;
    let ended = Math.floor((2 * passed) / (linear + Math.sqrt(linear * linear + 2 * growthMs * passed)));
    // The root is rounded: the ends themselves decide.
    while (ended > 0 && this.#endOf(ended) > now) ended -= 1;
    while (this.#endOf(ended + 1) <= now) ended += 1;
    return Math.min(ended, this.#count);
  }

  /** Shortens the row so that what comes in at `now` waits for no step but the one that is running then. */
  endFor(now: number): void {
    const ended = this.endedAt(now);
    this.endAfter(this.#endOf(ended) === now ? ended : ended + 1);
  }

  /** Shortens the row to `count` steps, if it is longer. */
  endAfter(count: number): void {
    if (count >= this.#count) return;
    this.#count = Math.max(1, count);
    this.#endsAt = this.#endOf(this.#count);
  }

  #endOf(count: number): number {
    const { startsAt, firstMs, growthMs } = this.#times;
    return startsAt + count * firstMs + (growthMs * count * (count - 1)) / 2;
  }
}
