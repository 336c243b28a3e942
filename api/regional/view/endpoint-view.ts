import { desiredSchema, type DesiredDocument, type RevisedSpec } from '#shared/contract/desired.ts';
import { statusDocumentSchema, type StatusDocument } from '#shared/contract/status.ts';
import { lastToken, streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { startDocumentMap, type DocumentMap } from '#shared/runtime/nats/document-map.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { askLeader } from '#shared/runtime/nats/ask-leader.ts';
import { createBarrier, type Barrier } from './barrier.ts';

/** One endpoint as the views have it. */
export interface ViewedEndpoint {
  desired: RevisedSpec;
  status: StatusDocument | null;
}

/** Every endpoint of the region: newest spec and newest status, in memory. */
export interface EndpointView extends AsyncDisposable {
  /** True once everything that was there at the start has been read. */
  synced(): boolean;
  whenSynced(signal?: AbortSignal): Promise<void>;
  /** Whatever was acknowledged before the call is visible afterwards. @throws AppError `unavailable`. */
  barrier(): Promise<void>;
  /** Undefined when there is none, or only a tombstone. */
  find(endpointId: string): ViewedEndpoint | undefined;
  status(endpointId: string): StatusDocument | null;
  all(): Iterable<ViewedEndpoint>;
}

/** What the view runs on. `onChange` hears the id of each endpoint whose spec or status changed. */
export interface EndpointViewOptions {
  nats: Nats;
  clock: Clock;
  log: Logger;
  barrierTimeoutMs: number;
  onBarrier: (seconds: number) => void;
  onChange: (endpointId: string) => void;
}

/** Follows `DESIRED` and `STATUS`. */
export function startEndpointView(options: EndpointViewOptions): EndpointView {
  return new NatsEndpointView(options);
}

class NatsEndpointView implements EndpointView {
  readonly #options: EndpointViewOptions;
  readonly #specs: DocumentMap<DesiredDocument>;
  readonly #statuses: DocumentMap<StatusDocument>;
  readonly #barrier: Barrier;

  constructor(options: EndpointViewOptions) {
    const { nats, clock, log } = options;
    this.#options = options;
    this.#specs = startDocumentMap({
      nats,
      clock,
      log,
      stream: streams.desired.name,
      subject: subjects.everySpec,
      parked: 'stays',
      parse: (json) => desiredSchema.safeParse(json).data ?? null,
      onChange: (subject) => this.#specChanged(lastToken(subject)),
    });
    this.#statuses = startDocumentMap({
      nats,
      clock,
      log,
      stream: streams.status.name,
      subject: subjects.everyStatus,
      parked: 'stays',
      parse: (json) => statusDocumentSchema.safeParse(json).data ?? null,
      onChange: (subject) => this.#statusChanged(lastToken(subject)),
    });
    this.#barrier = createBarrier({
      clock,
      timeoutMs: options.barrierTimeoutMs,
      pass: (signal) => this.#reachLeaders(signal),
    });
  }

  synced(): boolean {
    return this.#specs.synced() && this.#statuses.synced();
  }

  async whenSynced(signal?: AbortSignal): Promise<void> {
    await Promise.all([this.#specs.whenSynced(signal), this.#statuses.whenSynced(signal)]);
  }

  barrier(): Promise<void> {
    return this.#barrier.wait();
  }

  find(endpointId: string): ViewedEndpoint | undefined {
    const entry = this.#specs.get(subjects.spec(endpointId));
    if (entry?.value.kind !== 'spec') return undefined;
    return { desired: { spec: entry.value, revision: entry.seq }, status: this.status(endpointId) };
  }

  status(endpointId: string): StatusDocument | null {
    return this.#statuses.get(subjects.status(endpointId))?.value ?? null;
  }

  *all(): Generator<ViewedEndpoint> {
    for (const [subject] of this.#specs.entries()) {
      const found = this.find(lastToken(subject));
      if (found !== undefined) yield found;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#specs[Symbol.asyncDispose](), this.#statuses[Symbol.asyncDispose]()]);
  }

  #specChanged(endpointId: string): void {
    if (this.#specs.get(subjects.spec(endpointId))?.value.kind === 'tombstone') {
      this.#specs.forget(subjects.spec(endpointId));
      this.#statuses.forget(subjects.status(endpointId));
    }
    this.#options.onChange(endpointId);
  }

  /** A last status that arrives after the tombstone would stay for ever: its message leaves without a word. */
  #statusChanged(endpointId: string): void {
    const ended = this.status(endpointId)?.state === 'gone';
    if (ended && this.#specs.synced() && this.find(endpointId) === undefined)
      this.#statuses.forget(subjects.status(endpointId));
    this.#options.onChange(endpointId);
  }

  async #reachLeaders(signal: AbortSignal): Promise<void> {
    const { nats, clock, onBarrier, barrierTimeoutMs: budgetMs } = this.#options;
    const startedAt = clock.monotonic();
    const common = { nats, clock, budgetMs, signal };
    const [spec, status] = await Promise.all([
      askLeader({ ...common, stream: streams.desired.name, subject: subjects.everySpec }),
      askLeader({ ...common, stream: streams.status.name, subject: subjects.everyStatus }),
    ]);
    await Promise.all([this.#specs.reached(spec?.seq ?? 0, signal), this.#statuses.reached(status?.seq ?? 0, signal)]);
    onBarrier((clock.monotonic() - startedAt) / 1000);
  }
}
