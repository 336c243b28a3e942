import type { Clock } from '#shared/runtime/clock.ts';
import { fullJitter } from '#shared/runtime/retry.ts';
import type { Prover } from './prover.ts';
import type { ProofRecord, ProofStep, ProofOutcome } from './proof-record.ts';

/** What a desk needs. `onOutcome` is called when the answer to a proof has come. */
export interface ProofDeskOptions {
  prover: Prover;
  clock: Clock;
  /** Proofs under way at once; further ones wait for the next look at their endpoint. */
  concurrency: number;
  backoff: { baseMs: number; maxMs: number };
  onOutcome: (endpointId: string, outcome: ProofOutcome) => void;
  random?: () => number;
}

/** Has proofs made in the background, so that no key waits for a model's first token, and remembers what came out. */
export interface ProofDesk extends AsyncDisposable {
  /** Asks for a proof unless it is under way, has succeeded after the step's `staleAt`, or failed a moment ago. */
  ask(endpointId: string, step: ProofStep): void;
  /** Last answers by key. */
  outcomes(endpointId: string): ReadonlyMap<string, ProofRecord>;
  /** When this desk was first asked about the endpoint, milliseconds since the epoch. */
  since(endpointId: string): number;
  /** Keeps only the proofs with these keys. */
  retain(endpointId: string, keys: ReadonlySet<string>): void;
  forget(endpointId: string): void;
}

interface Entry {
  record: ProofRecord | undefined;
  running: boolean;
  /** How often a router was asked. */
  asked: number;
  /** Answers since the last success that were none, those of a router without room too. */
  misses: number;
  againAt: number;
}

interface Memory {
  since: number;
  entries: Map<string, Entry>;
}

/** Makes a desk over a prover. */
export function startProofDesk(options: ProofDeskOptions): ProofDesk {
  return new BackgroundProofDesk(options);
}

class BackgroundProofDesk implements ProofDesk {
  readonly #options: ProofDeskOptions;
  readonly #endpoints = new Map<string, Memory>();
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: ProofDeskOptions) {
    this.#options = options;
  }

  ask(endpointId: string, step: ProofStep): void {
    const { entries } = this.#memory(endpointId);
    const entry = entries.get(step.key) ?? { record: undefined, running: false, asked: 0, misses: 0, againAt: 0 };
    entries.set(step.key, entry);
    const full = this.#running.size >= this.#options.concurrency;
    const proven = entry.record?.ok === true && entry.record.at > (step.staleAt ?? Number.NEGATIVE_INFINITY);
    if (entry.running || proven || full || this.#stop.signal.aborted) return;
    if (this.#options.clock.monotonic() < entry.againAt) return;
    entry.running = true;
    const work = this.#prove(endpointId, step, entry);
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  outcomes(endpointId: string): ReadonlyMap<string, ProofRecord> {
    const entries = [...this.#memory(endpointId).entries];
    return new Map(entries.flatMap(([key, { record }]): [string, ProofRecord][] => (record ? [[key, record]] : [])));
  }

  since(endpointId: string): number {
    return this.#memory(endpointId).since;
  }

  retain(endpointId: string, keys: ReadonlySet<string>): void {
    const { entries } = this.#memory(endpointId);
    for (const [key, { running }] of entries) if (!running && !keys.has(key)) entries.delete(key);
  }

  forget(endpointId: string): void {
    this.#endpoints.delete(endpointId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  #memory(endpointId: string): Memory {
    const known = this.#endpoints.get(endpointId);
    if (known !== undefined) return known;
    const memory = { since: this.#options.clock.now(), entries: new Map<string, Entry>() };
    this.#endpoints.set(endpointId, memory);
    return memory;
  }

  async #prove(endpointId: string, step: ProofStep, entry: Entry): Promise<void> {
    const { prover, clock, backoff, random, onOutcome } = this.#options;
    const { pool, specRevision, replicaId, host, model, listenerUrls } = step;
    // Each time the next router is asked: one that has just died is heard of for a while longer.
    const listenerUrl = listenerUrls[entry.asked % listenerUrls.length] ?? '';
    entry.asked += 1;
    const askedAt = clock.now();
    const request = { endpointId, pool, specRevision, replicaId, host, listenerUrl, model, signal: this.#stop.signal };
    const outcome = await prover.prove(request);
    entry.running = false;
    const before = entry.record?.ok === false ? entry.record : undefined;
    const at = clock.now();
    if (outcome.ok) {
      entry.record = { ...outcome, at, failures: 0 };
      entry.misses = 0;
    } else {
      const waitMs = backoff.baseMs + fullJitter(entry.misses, { ...backoff, ...(random && { random }) });
      entry.againAt = clock.monotonic() + waitMs;
      entry.misses += 1;
      const failures = (before?.failures ?? 0) + (outcome.busy === true ? 0 : 1);
      const failingSince = failures === 0 ? {} : { failingSince: before?.failingSince ?? askedAt };
      entry.record = { ...outcome, at, failures, ...failingSince };
    }
    if (!this.#stop.signal.aborted) onOutcome(endpointId, outcome);
  }
}
