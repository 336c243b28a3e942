import type { SlotFailure } from './slot-end.ts';

/**
 * What a look at a replica found: `healthy` it answers · `unhealthy` it says that it cannot work · `refused` nobody
 * listens · `silent` it gave no answer · `unknown` the look itself failed (no descriptors here), and teaches nothing.
 */
export type ScrapeResult = 'healthy' | 'unhealthy' | 'refused' | 'silent' | 'unknown';

/** How a request failed, as far as it tells something about its replica; `fault`: it answered 5xx and others did not. */
export type Failure = SlotFailure | 'fault';

/** Bounds of `ReplicaHealth`; times in milliseconds. */
export interface HealthLimits {
  /** Incidents in a row (faults, resets, hangs) that put a replica in doubt. */
  readonly incidentsMax: number;
  /** First pause of a replica in doubt; it doubles up to `pauseMaxMs`. */
  readonly pauseMs: number;
  readonly pauseMaxMs: number;
  /** Looks in a row without an answer, and no byte of a request meanwhile, that make a replica count as stalled. */
  readonly silentLooksMax: number;
  /** It is silent for so long at least: looks that follow each other fast are one. */
  readonly stallMs: number;
  /** The same where nobody listens any more: what it has begun may go on for a while. */
  readonly goneMs: number;
  /** After a stall of our own event loop, failures of what began before it are our own for so long. */
  readonly excuseMs: number;
}

/** When something began and when it is known. */
export interface Span {
  readonly startedAt: number;
  readonly now: number;
}

const defaults: HealthLimits = {
  incidentsMax: 3,
  pauseMs: 1000,
  pauseMaxMs: 30_000,
  silentLooksMax: 2,
  stallMs: 1500,
  goneMs: 4000,
  excuseMs: 2000,
};

interface Finding {
  incidents: number;
  pauses: number;
  /** In doubt: until then nobody tries it, after it one request at a time does. */
  inDoubt: boolean;
  outUntil: number;
  probing: boolean;
  /** When the last incident was known: what began before it belongs to it, and says nothing against it. */
  failedAt: number;
  /** It refuses the pool's key: how often, known since when, and until when nobody tries it. */
  refusals: number;
  refusedAt: number;
  foreignUntil: number;
  /** It has taken the pool's key, and was there at every look since: no other process can have its address. */
  isOurs: boolean;
  scrape: 'healthy' | 'unhealthy' | 'refused' | 'unknown';
  /** Looks have been answered before: their silence means something. */
  looked: boolean;
  /** Looks without an answer since the last sign of life: how many, begin of the first, end of the last. */
  silentLooks: number;
  silentSince: number;
  silentUntil: number;
}

/**
 * What is thought of replicas, from looks at them and from what requests met. An engine may look healthy and fail every
 * request (vLLM in shutdown), so that a good look does not make up for incidents; a refused connection is out at once and
 * back with the first good look that began later. An address that refuses the pool's key is somebody else's, out at once and
 * longer each time, for the longest pause where looks show that the key is refused, unless it has taken the key before and
 * never been away: then the request was to blame. One incident counts once, however many requests it broke, and only what
 * began after it clears it. Pure over (state, now); times are monotonic milliseconds.
 */
export class ReplicaHealth {
  readonly #limits: HealthLimits;
  readonly #findings = new Map<string, Finding>();
  #ownStallAt = Number.NEGATIVE_INFINITY;

  constructor(limits: Partial<HealthLimits> = {}) {
    this.#limits = { ...defaults, ...limits };
  }

  /**
   * 0: it takes requests. More: only if nobody with less is there, so that a pool whose looks are good never goes dark.
   * Infinity: it takes none.
   */
  doubt(replica: string, now: number): number {
    const finding = this.#findings.get(replica);
    if (finding === undefined) return 0;
    if (finding.scrape === 'refused' || finding.scrape === 'unhealthy') return Infinity;
    // Nobody sends a prompt to what is another tenant's engine, but for the one request that tries.
    if (now < finding.foreignUntil || (finding.refusals > 0 && finding.probing)) return Infinity;
    if (isStalled(finding, this.#limits)) return finding.looked ? Infinity : Number.MAX_SAFE_INTEGER;
    return finding.inDoubt && (now < finding.outUntil || finding.probing) ? finding.pauses : 0;
  }

  /** It answers neither looks nor requests any more. */
  isStalled(replica: string): boolean {
    const finding = this.#findings.get(replica);
    return finding !== undefined && isStalled(finding, this.#limits);
  }

  /** Nobody listens there, as far as is known. */
  isRefused(replica: string): boolean {
    return this.#findings.get(replica)?.scrape === 'refused';
  }

  /** A request goes there. True when it is the one that tries a replica in doubt: `probeOver` is called at its end. */
  booked(replica: string, now: number): boolean {
    const finding = this.#findings.get(replica);
    if (finding === undefined || finding.probing) return false;
    const tries = (finding.inDoubt && now >= finding.outUntil) || (finding.refusals > 0 && now >= finding.foreignUntil);
    finding.probing = tries;
    return tries;
  }

  probeOver(replica: string): void {
    const finding = this.#findings.get(replica);
    if (finding !== undefined) finding.probing = false;
  }

  /** A request failed before its answer was complete. False when that is nobody's failure but our own. */
  failed(replica: string, failure: Failure, { startedAt, now }: Span): boolean {
    if (startedAt <= this.#ownStallAt && now <= this.#ownStallAt + this.#limits.excuseMs) return false;
    const finding = this.#finding(replica);
    if (failure !== 'unauthorized') finding.isOurs = false;
    if (failure === 'unauthorized' && !finding.isOurs) this.#refusedKey(finding, { startedAt, now });
    else if (failure === 'connect') Object.assign(finding, { scrape: 'refused', failedAt: now });
    else if (startedAt > finding.failedAt) this.#incident(finding, now);
    return true;
  }

  /** The first good bytes of an answer came: others may follow, and the next incident counts in full. */
  accepted(replica: string, { startedAt, now }: Span): void {
    const finding = this.#findings.get(replica);
    if (finding === undefined) return;
    if (startedAt > finding.refusedAt) Object.assign(finding, { refusals: 0, foreignUntil: 0 });
    if (startedAt > finding.failedAt && now >= finding.outUntil) finding.inDoubt = false;
  }

  /** A request was answered whole. */
  answered(replica: string, startedAt: number): void {
    const finding = this.#finding(replica);
    if (startedAt <= finding.failedAt || startedAt <= finding.refusedAt) return;
    Object.assign(finding, { incidents: 0, pauses: 0, inDoubt: false, outUntil: 0 });
    Object.assign(finding, { refusals: 0, foreignUntil: 0, isOurs: true });
    if (finding.scrape === 'refused') finding.scrape = 'unknown';
  }

  /** A byte came from it. */
  heard(replica: string): void {
    const finding = this.#findings.get(replica);
    if (finding !== undefined) speaks(finding);
  }

  scraped(replica: string, result: ScrapeResult, { startedAt, now }: Span): void {
    if (result === 'unknown') return;
    const finding = this.#finding(replica);
    if (result !== 'healthy') finding.isOurs = false;
    if (result === 'silent' || result === 'refused') {
      if (result === 'silent' && startedAt <= this.#ownStallAt) return;
      finding.silentLooks += 1;
      finding.silentSince = Math.min(finding.silentSince, startedAt);
      finding.silentUntil = now;
      if (result === 'silent') return;
    } else speaks(finding);
    finding.looked = true;
    // A look that began before a connection was refused does not know of that.
    if (result !== 'healthy' || finding.scrape !== 'refused' || startedAt > finding.failedAt) finding.scrape = result;
  }

  /** It has refused the pool's key to a request: a look that sends no prompt may tell whether it refuses it to all. */
  isSuspect(replica: string): boolean {
    return (this.#findings.get(replica)?.refusals ?? 0) > 0;
  }

  /** A look was refused for its key. */
  denied(replica: string, now: number): void {
    const finding = this.#findings.get(replica);
    if (finding !== undefined && finding.refusals > 0) finding.foreignUntil = now + this.#limits.pauseMaxMs;
  }

  /** When our own event loop was last known to have stood still. */
  get ownStallAt(): number {
    return this.#ownStallAt;
  }

  /** Our own event loop stood still until now: nobody could be heard meanwhile. */
  ownStall(now: number): void {
    this.#ownStallAt = now;
    for (const finding of this.#findings.values()) speaks(finding);
  }

  /** It has moved or is gone: what was known of it says nothing any more. */
  forget(replica: string): void {
    this.#findings.delete(replica);
  }

  /** Forgets all replicas but these. */
  keep(replicas: { has(replica: string): boolean }): void {
    for (const replica of this.#findings.keys()) if (!replicas.has(replica)) this.#findings.delete(replica);
  }

  #refusedKey(finding: Finding, { startedAt, now }: Span): void {
    if (startedAt <= finding.refusedAt) return;
    const { pauseMs, pauseMaxMs } = this.#limits;
    finding.foreignUntil = Math.max(finding.foreignUntil, now + Math.min(pauseMaxMs, pauseMs * 2 ** finding.refusals));
    finding.refusals = Math.min(finding.refusals + 1, 16);
    finding.refusedAt = now;
  }

  #incident(finding: Finding, now: number): void {
    const { incidentsMax, pauseMs, pauseMaxMs } = this.#limits;
    finding.failedAt = now;
    finding.incidents += 1;
    if (finding.incidents < incidentsMax) return;
    finding.outUntil = now + Math.min(pauseMaxMs, pauseMs * 2 ** finding.pauses);
    finding.pauses = Math.min(finding.pauses + 1, 16);
    finding.inDoubt = true;
    // One more incident after the pause is enough for the next one.
    finding.incidents = incidentsMax - 1;
  }

  #finding(replica: string): Finding {
    const known = this.#findings.get(replica);
    if (known !== undefined) return known;
    const finding: Finding = {
      incidents: 0,
      pauses: 0,
      inDoubt: false,
      outUntil: 0,
      probing: false,
      failedAt: Number.NEGATIVE_INFINITY,
      refusals: 0,
      refusedAt: Number.NEGATIVE_INFINITY,
      foreignUntil: 0,
      isOurs: false,
      scrape: 'unknown',
      looked: false,
      silentLooks: 0,
      silentSince: Infinity,
      silentUntil: 0,
    };
    this.#findings.set(replica, finding);
    return finding;
  }
}

/** Streams of a process that listens no more may go on; once they are silent too, they will not. */
function isStalled({ scrape, silentLooks, silentSince, silentUntil }: Finding, limits: HealthLimits): boolean {
  if (scrape === 'refused') return silentUntil - silentSince >= limits.goneMs;
  return silentLooks >= limits.silentLooksMax && silentUntil - silentSince >= limits.stallMs;
}

/** A sign of life. */
function speaks(finding: Finding): void {
  finding.silentLooks = 0;
  finding.silentSince = Infinity;
}
