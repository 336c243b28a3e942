import type { Clock } from '#shared/runtime/clock.ts';
import { fullJitter } from '#shared/runtime/retry.ts';
import type { ProofOutcome, Prover } from './proof/prover.ts';
import type { ProofStep } from './step.ts';

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
  /** Asks for a proof unless it is under way, has succeeded, or failed a moment ago. */
  ask(endpointId: string, step: ProofStep): void;
  /** Answers by key. */
  outcomes(endpointId: string): ReadonlyMap<string, ProofOutcome>;
  /** Keeps only the proofs with these keys. */
  retain(endpointId: string, keys: ReadonlySet<string>): void;
  forget(endpointId: string): void;
}

interface Entry {
  outcome: ProofOutcome | undefined;
  running: boolean;
  failures: number;
  againAt: number;
}

/** Makes a desk over a prover. */
export function startProofDesk(options: ProofDeskOptions): ProofDesk {
  return new BackgroundProofDesk(options);
}

class BackgroundProofDesk implements ProofDesk {
  readonly #options: ProofDeskOptions;
  readonly #endpoints = new Map<string, Map<string, Entry>>();
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: ProofDeskOptions) {
    this.#options = options;
  }

  ask(endpointId: string, step: ProofStep): void {
    const entries = this.#endpoints.get(endpointId) ?? new Map<string, Entry>();
    this.#endpoints.set(endpointId, entries);
    const entry = entries.get(step.key) ?? { outcome: undefined, running: false, failures: 0, againAt: 0 };
    entries.set(step.key, entry);
    const full = this.#running.size >= this.#options.concurrency;
    if (entry.running || entry.outcome?.ok === true || full || this.#stop.signal.aborted) return;
    if (this.#options.clock.monotonic() < entry.againAt) return;
    entry.running = true;
    const work = this.#prove(endpointId, step, entry);
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  outcomes(endpointId: string): ReadonlyMap<string, ProofOutcome> {
    const entries = [...(this.#endpoints.get(endpointId) ?? [])];
    return new Map(
      entries.flatMap(([key, { outcome }]): [string, ProofOutcome][] => (outcome ? [[key, outcome]] : [])),
    );
  }

  retain(endpointId: string, keys: ReadonlySet<string>): void {
    const entries = this.#endpoints.get(endpointId);
    for (const [key, { running }] of entries ?? []) if (!running && !keys.has(key)) entries?.delete(key);
  }

  forget(endpointId: string): void {
    this.#endpoints.delete(endpointId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #prove(endpointId: string, step: ProofStep, entry: Entry): Promise<void> {
    const { prover, clock, backoff, random, onOutcome } = this.#options;
    const { pool, specRevision, replicaId, host, model, listenerUrls } = step;
    // After a failure the next router is asked: one that has just died is heard of for a while longer.
    const listenerUrl = listenerUrls[entry.failures % listenerUrls.length] ?? '';
    const request = { endpointId, pool, specRevision, replicaId, host, listenerUrl, model, signal: this.#stop.signal };
    const outcome = await prover.prove(request);
    entry.running = false;
    entry.outcome = outcome;
    if (!outcome.ok) {
      const waitMs = backoff.baseMs + fullJitter(entry.failures, { ...backoff, ...(random && { random }) });
      entry.againAt = clock.monotonic() + waitMs;
      entry.failures += 1;
    }
    if (!this.#stop.signal.aborted) onOutcome(endpointId, outcome);
  }
}
