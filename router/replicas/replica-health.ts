import type { SlotFailure } from './slot-end.ts';

/**
 * What was seen of a replica from outside its answers: `healthy` it answers · `unhealthy` it says that it cannot work ·
 * `refused` nobody listens · `unknown` nothing was learned, and what was known before still holds.
 */
export type ScrapeResult = 'healthy' | 'unhealthy' | 'refused' | 'unknown';

/** How a request failed on a replica, as far as it tells something about the replica. */
export type PassiveFailure = SlotFailure | 'fault';

/** Bounds of `ReplicaHealth`, milliseconds. */
export interface HealthLimits {
  /** Failures in a row (5xx, resets, hangs) that take a replica out. */
  readonly failuresMax: number;
  /** First pause of a replica that is out; it doubles up to `pauseMaxMs`. */
  readonly pauseMs: number;
  readonly pauseMaxMs: number;
}

const defaults: HealthLimits = { failuresMax: 3, pauseMs: 1000, pauseMaxMs: 30_000 };

interface Finding {
  failures: number;
  pauses: number;
  outUntil: number;
  scrape: ScrapeResult;
}

/**
 * Which replicas are out, from scrapes and from what requests met. An engine may look healthy and fail every request
 * (vLLM in shutdown), so that a good scrape does not make up for failures; a refused connection is out at once and back
 * with the first good scrape; an address that refuses the pool's key is somebody else's, out at once and for the longest
 * pause at a time. Pure over (state, now); times are monotonic milliseconds.
 */
export class ReplicaHealth {
  readonly #limits: HealthLimits;
  readonly #findings = new Map<string, Finding>();

  constructor(limits: HealthLimits = defaults) {
    this.#limits = limits;
  }

  isDown(replica: string, now: number): boolean {
    const finding = this.#findings.get(replica);
    if (finding === undefined) return false;
    return now < finding.outUntil || finding.scrape === 'refused' || finding.scrape === 'unhealthy';
  }

  /** A request failed on the replica before its answer was complete. */
  failed(replica: string, failure: PassiveFailure, now: number): void {
    const { failuresMax, pauseMs, pauseMaxMs } = this.#limits;
    const finding = this.#finding(replica);
    if (failure === 'unauthorized') finding.outUntil = now + pauseMaxMs;
    if (failure === 'connect') finding.scrape = 'refused';
    if (failure === 'unauthorized' || failure === 'connect') return;
    finding.failures += 1;
    if (finding.failures < failuresMax) return;
    finding.outUntil = now + Math.min(pauseMaxMs, pauseMs * 2 ** finding.pauses);
    finding.pauses = Math.min(finding.pauses + 1, 16);
    // One more failure after the pause is enough for the next one.
    finding.failures = failuresMax - 1;
  }

  /** A request was answered. */
  succeeded(replica: string): void {
    this.#findings.delete(replica);
  }

  scraped(replica: string, result: ScrapeResult): void {
    if (result !== 'unknown') this.#finding(replica).scrape = result;
  }

  /** It has moved or is gone: what was known of it says nothing any more. */
  forget(replica: string): void {
    this.#findings.delete(replica);
  }

  #finding(replica: string): Finding {
    const known = this.#findings.get(replica);
    if (known !== undefined) return known;
    const finding: Finding = { failures: 0, pauses: 0, outUntil: 0, scrape: 'unknown' };
    this.#findings.set(replica, finding);
    return finding;
  }
}
