import { pause, type Clock } from '../clock.ts';

/** Whoever waits for something to become true, and is woken when it may be. */
export class Waiters {
  readonly #clock: Clock;
  readonly #over: AbortSignal;
  readonly #waiting = new Set<() => void>();

  /** `over` ends every wait. */
  constructor(clock: Clock, over: AbortSignal) {
    this.#clock = clock;
    this.#over = over;
  }

  /** Waits until it holds: true then, false after `timeoutMs`. @throws the reason of the signal that aborts. */
  async until(
    holds: () => boolean,
    { signal, timeoutMs = Number.POSITIVE_INFINITY }: { signal?: AbortSignal | undefined; timeoutMs?: number } = {},
  ): Promise<boolean> {
    const over = signal === undefined ? this.#over : AbortSignal.any([this.#over, signal]);
    over.throwIfAborted();
    if (holds()) return true;
    const done = new AbortController();
    const wake = (): void => void (holds() && done.abort());
    this.#waiting.add(wake);
    await pause(this.#clock, timeoutMs, AbortSignal.any([over, done.signal]));
    this.#waiting.delete(wake);
    if (holds()) return true;
    over.throwIfAborted();
    return false;
  }

  wake(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** True once it holds for all; each is asked until it has held once. */
export function allOf(subjects: readonly string[], holds: (subject: string) => boolean): () => boolean {
  const left = [...subjects];
  return () => {
    for (let last = left.at(-1); last !== undefined && holds(last); last = left.at(-1)) left.pop();
    return left.length === 0;
  };
}
