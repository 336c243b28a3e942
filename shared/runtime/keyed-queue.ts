import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';
import { fullJitter } from './retry.ts';

/** What a handler says of its key: done, or look again after a while. A throw means: again, with back-off. */
export type QueueVerdict = { requeueAfterMs: number } | void;

/** Bounds and dependencies of a keyed queue. */
export interface KeyedQueueOptions {
  name: string;
  clock: Clock;
  log: Logger;
  concurrency: number;
  /** Back-off of a failing key, full jitter between 0 and `min(maxMs, baseMs·2^failures)`, floor `baseMs`. */
  backoff: { baseMs: number; maxMs: number };
  /** More distinct keys than this are refused: `add` answers false and the caller's resync comes back. */
  keysMax: number;
  /** Called for each wake-up that is refused because the queue is full: its owner's metric. */
  onRefused?: () => void;
  random?: () => number;
}

/** Serial per key, parallel across keys; a key added while it runs runs once more afterwards. */
export interface KeyedQueue extends AsyncDisposable {
  /** Wakes a key now; false when the queue is full. */
  add(key: string): boolean;
  /** Wakes a key after a delay; an earlier wake-up wins over a later one. A new key is dropped when the queue is full. */
  addAfter(key: string, delayMs: number): void;
  /** Keys waiting or running. */
  depth(): number;
  /** Resolves when nothing is ready or running (delayed keys do not count). For tests and drains. */
  idle(): Promise<void>;
}

interface KeyState {
  dirty: boolean;
  running: boolean;
  failures: number;
  dueAt: number | undefined;
  timer: AbortController | undefined;
}

/**
 * Dirty and processing sets as in client-go's workqueue: never two workers on one key, the newest wake-up kept.
 * Disposing aborts the handlers' signal, starts nothing more and waits for what runs.
 * Source of the shape: kubernetes/client-go util/workqueue/queue.go.
 */
export function startKeyedQueue(
  options: KeyedQueueOptions,
  handler: (key: string, signal: AbortSignal) => Promise<QueueVerdict>,
): KeyedQueue {
  return new Queue(options, handler);
}

class Queue implements KeyedQueue {
  readonly #options: KeyedQueueOptions;
  readonly #handler: (key: string, signal: AbortSignal) => Promise<QueueVerdict>;
  readonly #keys = new Map<string, KeyState>();
  readonly #ready: string[] = [];
  readonly #stop = new AbortController();
  #running = 0;
  /** The queue has said that it is full, and has not had room since. */
  #full = false;
  #idlers: (() => void)[] = [];

  constructor(options: KeyedQueueOptions, handler: (key: string, signal: AbortSignal) => Promise<QueueVerdict>) {
    this.#options = options;
    this.#handler = handler;
  }

  add(key: string): boolean {
    if (this.#stop.signal.aborted) return false;
    const state = this.#state(key);
    if (state === undefined) return false;
    this.#cancelTimer(state);
    if (state.dirty) return true;
    state.dirty = true;
    if (!state.running) this.#ready.push(key);
    this.#pump();
    return true;
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#stop.signal.aborted) return;
    const state = this.#state(key);
    if (state === undefined || state.dirty) return;
    const dueAt = this.#options.clock.monotonic() + delayMs;
    if (state.dueAt !== undefined && state.dueAt <= dueAt) return;
    this.#cancelTimer(state);
    state.dueAt = dueAt;
    const timer = new AbortController();
    state.timer = timer;
    void this.#options.clock.sleep(delayMs, AbortSignal.any([this.#stop.signal, timer.signal])).then(
      () => this.add(key),
      () => {},
    );
  }

  depth(): number {
    return this.#keys.size;
  }

  async idle(): Promise<void> {
    if (this.#running === 0 && this.#ready.length === 0) return;
    await new Promise<void>((resolve) => this.#idlers.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#ready.length = 0;
    await this.idle();
    this.#keys.clear();
  }

  #state(key: string): KeyState | undefined {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    if (this.#keys.size >= this.#options.keysMax) {
      this.#options.onRefused?.();
      if (!this.#full) this.#options.log.warn({ queue: this.#options.name, key }, 'queue.full');
      this.#full = true;
      return undefined;
    }
    const state: KeyState = { dirty: false, running: false, failures: 0, dueAt: undefined, timer: undefined };
    this.#keys.set(key, state);
    return state;
  }

  #forget(key: string): void {
    this.#keys.delete(key);
    this.#full = false;
  }

  #cancelTimer(state: KeyState): void {
    state.timer?.abort();
    state.timer = undefined;
    state.dueAt = undefined;
  }

  #pump(): void {
    while (this.#running < this.#options.concurrency) {
      const key = this.#ready.shift();
      if (key === undefined) return;
      const state = this.#keys.get(key);
      if (state === undefined) continue;
      state.dirty = false;
      state.running = true;
      this.#running += 1;
      void this.#work(key, state);
    }
  }

  async #work(key: string, state: KeyState): Promise<void> {
    let againMs: number | undefined;
    try {
      const verdict = await this.#handler(key, this.#stop.signal);
      state.failures = 0;
      if (verdict !== undefined) againMs = verdict.requeueAfterMs;
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#options.log.warn({ err: error, queue: this.#options.name, key }, 'queue.key_failed');
      const bounds = { ...this.#options.backoff, ...(this.#options.random && { random: this.#options.random }) };
      againMs = Math.max(this.#options.backoff.baseMs, fullJitter(state.failures, bounds));
      state.failures += 1;
    }
    state.running = false;
    this.#running -= 1;
    if (this.#stop.signal.aborted) this.#keys.delete(key);
    else if (state.dirty) this.#ready.push(key);
    else if (againMs !== undefined) this.addAfter(key, againMs);
    else if (state.timer === undefined) this.#forget(key);
    this.#pump();
    if (this.#running === 0 && this.#ready.length === 0) for (const resolve of this.#idlers.splice(0)) resolve();
  }
}
