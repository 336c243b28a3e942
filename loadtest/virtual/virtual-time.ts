import type { Clock } from '#shared/runtime/clock.ts';

interface Event {
  readonly at: number;
  /** Of events of one instant the one that was scheduled first is first. */
  readonly order: number;
  readonly run: () => void;
}

/** Time of a simulation, milliseconds: it goes from event to event. Wall time and monotonic time are the same number. */
export class VirtualTime implements Clock {
  #now = 0;
  #scheduled = 0;
  /** A binary heap: no event is before its parent at (i - 1) / 2. */
  readonly #heap: Event[] = [];
  #isSettled = true;

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      this.after(ms, resolve);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  /** Runs it `ms` from now; then promises are kept before time goes on. */
  after(ms: number, run: () => void): () => void {
    let isCancelled = false;
    this.quietlyAt(this.#now + Math.max(0, ms), () => {
      if (isCancelled) return;
      this.#isSettled = false;
      run();
    });
    return () => void (isCancelled = true);
  }

  /** Runs it at that time; it keeps no promise: to look for kept ones costs more than most events. */
  quietlyAt(at: number, run: () => void): void {
    const heap = this.#heap;
    const event = { at, order: this.#scheduled++, run };
    let place = heap.length;
    while (place > 0) {
      const parent = heap[(place - 1) >> 1];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[place] = parent;
      place = (place - 1) >> 1;
    }
    heap[place] = event;
  }

  /** Runs all events until this time, or until it is stopped: then it stays the time of the last one. */
  async run(until: number, signal?: AbortSignal): Promise<void> {
    await settle();
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.at > until) break;
      this.#pop();
      this.#now = Math.max(this.#now, event.at);
      event.run();
      if (this.#isSettled) continue;
      await settle();
      this.#isSettled = true;
      if (signal?.aborted === true) return;
    }
    this.#now = until;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const least = child % 2 === 0 ? right : left;
      if (least === undefined || isBefore(last, least)) break;
      heap[place] = least;
      place = child;
    }
    heap[place] = last;
  }
}

/** Time as one process meets it: while that stands still, nothing that is due happens. */
export class ProcessTime implements Clock {
  readonly #time: VirtualTime;
  #standsUntil = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  now(): number {
    return this.#time.now();
  }

  monotonic(): number {
    return this.#time.now();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await this.#time.sleep(ms, signal);
    if (this.now() < this.#standsUntil) await this.sleep(this.#standsUntil - this.now(), signal);
  }

  after(ms: number, run: () => void): () => void {
    let isCancelled = false;
    this.#time.after(ms, () => this.awake(() => isCancelled || run()));
    return () => void (isCancelled = true);
  }

  /** Runs it as soon as the process does not stand still. */
  awake(run: () => void): void {
    const left = this.#standsUntil - this.now();
    if (left > 0) this.after(left, run);
    else run();
  }

  standStill(ms: number): void {
    this.#standsUntil = this.now() + ms;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Whatever promises are kept, and those that they keep, have been heard. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
