import { desiredSchema, type DesiredDocument, type RevisedSpec } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { statusDocumentSchema, type StatusDocument } from '#shared/contract/status.ts';
import { lastToken, streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { askLeader } from '#shared/runtime/nats/ask-leader.ts';
import { startDocumentMap, type DocumentMap } from '#shared/runtime/nats/document-map.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import type { StoredDocument } from '#shared/runtime/nats/nats-publish.ts';
import { Waiters } from '#shared/runtime/nats/waiters.ts';
import { createBarrier, type Barrier } from './barrier.ts';

/** One endpoint as the views have it. */
export interface ViewedEndpoint {
  desired: RevisedSpec;
  status: StatusDocument | null;
}

/** Every endpoint of the region: spec and status, in memory. What is read from the leaders or written here is learnt. */
export interface EndpointView extends AsyncDisposable {
  /** True once everything that was there at the start has been read. */
  synced(): boolean;
  whenSynced(signal?: AbortSignal): Promise<void>;
  /**
   * Afterwards every endpoint that was acknowledged before the call is there, each at its newest version or, while it is
   * being changed, at the one before, and never older than this process has shown. @throws AppError `unavailable`.
   */
  barrier(): Promise<void>;
  /** The newest status of an endpoint, from the leader. @throws AppError `unavailable`. */
  readStatus(endpointId: string): Promise<StatusDocument | null>;
  /** Takes a document of desired state over that was read from the leader or stored. */
  learn(document: StoredDocument): void;
  /** Undefined when there is none, or only a tombstone. */
  find(endpointId: string): ViewedEndpoint | undefined;
  all(): Iterable<ViewedEndpoint>;
  /** How many endpoints of a team are known here. */
  countOf(team: string): number;
  /** Waits until `holds`, asked again whenever an endpoint has changed: true then, false after `timeoutMs`. Rejects when `signal` aborts. */
  until(holds: () => boolean, options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean>;
}

/** What the view runs on. */
export interface EndpointViewOptions {
  nats: Nats;
  clock: Clock;
  log: Logger;
  /** Time for the leaders to answer, and for the view to become current, milliseconds. */
  barrierTimeoutMs: number;
  onBarrier: (seconds: number) => void;
  /** Hears of each endpoint whose spec or status changed, and of each document of desired state. */
  onChange: (endpointId: string) => void;
  onDesired: (desired: { document: DesiredDocument; revision: number }) => void;
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
  readonly #stop = new AbortController();
  readonly #waiters: Waiters;
  readonly #teams = new Map<string, Set<string>>();

  constructor(options: EndpointViewOptions) {
    const { nats, clock, log } = options;
    this.#options = options;
    this.#waiters = new Waiters(clock, this.#stop.signal);
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
    this.#barrier = createBarrier((signal) => this.#catchUp(signal), options.barrierTimeoutMs, clock);
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

  async readStatus(endpointId: string): Promise<StatusDocument | null> {
    const { nats, clock, barrierTimeoutMs: budgetMs } = this.#options;
    const question = { nats, clock, budgetMs, stream: streams.status.name, subject: subjects.status(endpointId) };
    const last = await askLeader(question).catch((cause: unknown) => {
      throw new AppError('unavailable', { message: 'The newest state cannot be read right now.', cause });
    });
    if (last === null) return null;
    this.#statuses.learn(last);
    if (last.deleted) return null;
    const status = statusDocumentSchema.safeParse(last.body);
    if (status.success) return status.data;
    throw new AppError('unavailable', {
      message: `The status on ${last.subject} was written by another version of the provisioner. Upgrade this process.`,
      cause: status.error,
    });
  }

  learn(document: StoredDocument): void {
    if (document.subject === subjects.spec(lastToken(document.subject))) this.#specs.learn(document);
  }

  find(endpointId: string): ViewedEndpoint | undefined {
    const entry = this.#specs.get(subjects.spec(endpointId));
    if (entry?.value.kind !== 'spec') return undefined;
    return { desired: { spec: entry.value, revision: entry.seq }, status: this.#status(endpointId) };
  }

  *all(): Generator<ViewedEndpoint> {
    for (const [, { value: spec, seq: revision }] of this.#specs.entries())
      if (spec.kind === 'spec') yield { desired: { spec, revision }, status: this.#status(spec.endpointId) };
  }

  countOf(team: string): number {
    return this.#teams.get(team)?.size ?? 0;
  }

  until(holds: () => boolean, options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean> {
    return this.#waiters.until(holds, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('The view was disposed.'));
    await Promise.all([this.#specs[Symbol.asyncDispose](), this.#statuses[Symbol.asyncDispose]()]);
  }

  #status(endpointId: string): StatusDocument | null {
    return this.#statuses.get(subjects.status(endpointId))?.value ?? null;
  }

  #specChanged(endpointId: string): void {
    const entry = this.#specs.get(subjects.spec(endpointId));
    this.#count(endpointId, entry?.value);
    if (entry !== undefined) this.#options.onDesired({ document: entry.value, revision: entry.seq });
    if (entry?.value.kind === 'tombstone') {
      this.#specs.forget(subjects.spec(endpointId));
      this.#statuses.forget(subjects.status(endpointId));
    }
    this.#changed(endpointId);
  }

  #count(endpointId: string, document: DesiredDocument | undefined): void {
    if (document?.kind !== 'spec') for (const ids of this.#teams.values()) ids.delete(endpointId);
    else this.#teams.set(document.team, (this.#teams.get(document.team) ?? new Set()).add(endpointId));
  }

  /** A last status that arrives after the tombstone would stay for ever: its message leaves without a word. */
  #statusChanged(endpointId: string): void {
    const ended = this.#status(endpointId)?.state === 'gone';
    if (ended && this.#specs.synced() && this.find(endpointId) === undefined)
      this.#statuses.forget(subjects.status(endpointId));
    this.#changed(endpointId);
  }

  #changed(endpointId: string): void {
    this.#waiters.wake();
    this.#options.onChange(endpointId);
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    const { clock, onBarrier } = this.#options;
    const startedAt = clock.monotonic();
    await Promise.all([this.#specs.caughtUp(signal), this.#statuses.caughtUp(signal)]);
    onBarrier((clock.monotonic() - startedAt) / 1000);
  }
}
