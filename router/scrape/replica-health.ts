/** What was seen of a replica from outside its answers. */
export type ScrapeResult = 'healthy' | 'unhealthy' | 'refused' | 'unknown';

/** How a request failed on a replica, as far as it tells something about the replica. */
export type PassiveFailure = 'connect' | 'unauthorized' | 'failed';

/** Bounds of `ReplicaHealth`, milliseconds. */
export interface HealthLimits {
  /** Failures in a row (5xx, resets, hangs) that take a replica out. */
  readonly failuresMax: number;
  /** First pause of a replica that is out; it doubles up to `pauseMaxMs`. */
  readonly pauseMs: number;
  readonly pauseMaxMs: number;
}

const defaults: HealthLimits = { failuresMax: 3, pauseMs: 1000, pauseMaxMs: 30_000 };

interface Record {
  failures: number;
  pauses: number;
  outUntil: number;
  /** Somebody else answers at this address: out until its pool document changes. */
  foreign: boolean;
  scrape: ScrapeResult;
}

/**
 * Which replicas are out, from scrapes and from what requests met. An engine may look healthy and fail every request
 * (vLLM in shutdown), so that a good scrape does not make up for failures; a refused connection is out at once and back
 * with the first good scrape. Pure over (state, now); times are monotonic milliseconds.
 */
export class ReplicaHealth {
  readonly #limits: HealthLimits;
  readonly #records = new Map<string, Record>();

  constructor(limits: HealthLimits = defaults) {
    this.#limits = limits;
  }

  isDown(replica: string, now: number): boolean {
    const record = this.#records.get(replica);
    if (record === undefined) return false;
    return record.foreign || now < record.outUntil || record.scrape === 'refused' || record.scrape === 'unhealthy';
  }

  /** A request failed on the replica before its answer began. */
  failed(replica: string, failure: PassiveFailure, now: number): void {
    const record = this.#record(replica);
    if (failure === 'unauthorized') record.foreign = true;
    if (failure === 'connect') record.scrape = 'refused';
    if (failure !== 'failed') return;
    record.failures += 1;
    if (record.failures < this.#limits.failuresMax) return;
    record.outUntil = now + Math.min(this.#limits.pauseMaxMs, this.#limits.pauseMs * 2 ** record.pauses);
    record.pauses = Math.min(record.pauses + 1, 16);
    record.failures = this.#limits.failuresMax - 1;
  }

  /** A request was answered. */
  succeeded(replica: string): void {
    this.#records.delete(replica);
  }

  scraped(replica: string, result: ScrapeResult): void {
    this.#record(replica).scrape = result;
  }

  /** Its address or state changed, or it is gone: what was known of it says nothing any more. */
  forget(replica: string): void {
    this.#records.delete(replica);
  }

  #record(replica: string): Record {
    const known = this.#records.get(replica);
    if (known !== undefined) return known;
    const record: Record = { failures: 0, pauses: 0, outUntil: 0, foreign: false, scrape: 'unknown' };
    this.#records.set(replica, record);
    return record;
  }
}
