/** Memory of the rate, milliseconds: what ended so long ago counts 1/e. */
const memoryMs = 30_000;
/** Shortest and longest wait that a client is sent away for: SDKs ignore more than 60 s and come back at once. */
const [waitMinMs, waitMaxMs] = [1000, 60_000];

/** How long to send a client away, milliseconds. */
export function clientWait(ms: number): number {
  return Math.round(Math.min(waitMaxMs, Math.max(waitMinMs, ms)));
}

/** How fast the requests of a pool come to their end: an exponentially decaying count of them. */
export class DrainRate {
  #count = 0;
  #at = 0;

  /** A request gave its place back. */
  ended(now: number): void {
    this.#count = this.#countAt(now) + 1;
    this.#at = now;
  }

  /** When those who wait now will have had their turn, milliseconds; undefined while none has ended lately. */
  waitFor(waiting: number, now: number): number | undefined {
    const count = this.#countAt(now);
    if (count < 1) return undefined;
    return clientWait((waiting / count) * memoryMs);
  }

  #countAt(now: number): number {
    return this.#count * Math.exp((this.#at - now) / memoryMs);
  }
}
