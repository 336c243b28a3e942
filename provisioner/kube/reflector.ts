import { pause, type Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { KubeKind } from './kinds.ts';
import type { KubeClient, Selection } from './kube-client.ts';
import { KubeError, isGone } from './kube-error.ts';
import { compareVersions, type KubeObject } from './kube-object.ts';
import { ObjectStore, type Change, type ObjectView } from './object-store.ts';
import { planRecovery, type Ending } from './plan-recovery.ts';
import { VersionGate } from './version-gate.ts';

/** Times and bounds of a reflector; every field has a default. */
export interface ReflectorBounds {
  /** A watch without any event or bookmark for this long is cut. The server sends a bookmark about once a minute. */
  inactivityMs: number;
  /** A full list at least this often, ±10 %: repairs whatever a watch missed. */
  relistEveryMs: number;
  /** The server ends each watch after a random time between these. */
  watchSecondsMin: number;
  watchSecondsMax: number;
  backoffBaseMs: number;
  backoffMaxMs: number;
  /** Longest `Retry-After` that is obeyed. */
  retryAfterMaxMs: number;
  /** Lists in a row that are older than what was seen, before the server is believed to have been restored. */
  staleListsMax: number;
}

/** Things worth counting: each is a metric label. */
export type ReflectorEvent =
  | 'listed'
  | 'list_failed'
  | 'stale_list'
  | 'history_reset'
  | 'relist_change'
  | 'watch_closed'
  | 'watch_failed'
  | 'watch_gone'
  | 'watch_inactive'
  | 'callback_failed';

/** What a reflector needs. */
export interface ReflectorOptions extends Selection {
  client: Pick<KubeClient, 'list' | 'watch'>;
  kind: KubeKind;
  clock: Clock;
  log: Logger;
  random?: () => number;
  bounds?: Partial<ReflectorBounds>;
  /** Called in order for each change, list or watch; wakes keys, does no work. A throw is logged and counted. */
  onChange?: (change: Change) => void;
  onEvent?: (event: ReflectorEvent) => void;
  /** Groups the objects for `store.indexed`. */
  indexBy?: (object: KubeObject) => string | undefined;
}

/** A local copy of one kind, kept by list and watch. Never ends by itself. */
export interface Reflector extends AsyncDisposable {
  readonly store: ObjectView;
  /** Version up to which the store is complete; undefined before the first list. */
  readonly resourceVersion: string | undefined;
  /** Wall clock (epoch ms) of the last list, event or bookmark; undefined before the first. */
  readonly lastSeenAt: number | undefined;
  /** Resolves once the first list is in the store. @throws the signal's reason, or when the reflector is disposed. */
  synced(signal?: AbortSignal): Promise<void>;
  /** Resolves once the store has reached a version that a write returned. @throws like `synced`. */
  reached(resourceVersion: string, signal?: AbortSignal): Promise<void>;
}

const defaultBounds: ReflectorBounds = {
  inactivityMs: 90_000,
  relistEveryMs: 600_000,
  watchSecondsMin: 240,
  watchSecondsMax: 300,
  backoffBaseMs: 800,
  backoffMaxMs: 30_000,
  retryAfterMaxMs: 120_000,
  staleListsMax: 5,
};

/** Starts listing and watching. Source of the shape: kubernetes/client-go tools/cache/reflector.go. */
export function startReflector(options: ReflectorOptions): Reflector {
  return new ListWatchReflector(options);
}

class ListWatchReflector implements Reflector {
  readonly store: ObjectStore;
  readonly #options: ReflectorOptions;
  readonly #bounds: ReflectorBounds;
  readonly #random: () => number;
  readonly #gate = new VersionGate();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #mustList = true;
  #relistAt = 0;
  #staleLists = 0;
  #activeAt = 0;
  lastSeenAt: number | undefined;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#bounds = { ...defaultBounds, ...options.bounds };
    this.#random = options.random ?? Math.random;
    this.store = new ObjectStore(options.indexBy);
    this.#running = this.#run();
  }

  get resourceVersion(): string | undefined {
    return this.#gate.version;
  }

  synced(signal?: AbortSignal): Promise<void> {
    return this.#gate.reached('0', signal);
  }

  reached(resourceVersion: string, signal?: AbortSignal): Promise<void> {
    return this.#gate.reached(resourceVersion, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new Error(`The reflector of ${this.#options.kind.plural} was stopped.`);
    this.#stop.abort(reason);
    this.#gate.close(reason);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { backoffBaseMs: baseMs, backoffMaxMs: maxMs, retryAfterMaxMs } = this.#bounds;
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      const ending = await this.#turn();
      if (signal.aborted) return;
      const next = planRecovery(ending, failures, { baseMs, maxMs, retryAfterMaxMs, random: this.#random });
      failures = next.failures;
      this.#mustList ||= next.relist;
      this.#report(ending, next.waitMs);
      if (next.waitMs > 0) await pause(this.#options.clock, next.waitMs, signal);
    }
  }

  /** Lists when that is due, then watches until the watch ends for whatever reason. */
  async #turn(): Promise<Ending> {
    const startedAt = this.#options.clock.monotonic();
    if (this.#mustList || startedAt >= this.#relistAt) {
      try {
        await this.#list();
      } catch (error) {
        const ending: Ending = { step: 'list', livedMs: 0, cause: { error } };
        if (this.#mustList) return ending;
        // The periodic list failed, but the watch may still work: stay with it and list again a little later.
        this.#relistAt = startedAt + this.#bounds.backoffMaxMs;
        this.#report(ending, this.#bounds.backoffMaxMs);
      }
    }
    return this.#watch();
  }

  async #list(): Promise<void> {
    const { client, kind, namespace, labelSelector, clock } = this.#options;
    const list = await client.list(kind, { namespace, labelSelector, signal: this.#stop.signal });
    this.#checkNotStale(list.resourceVersion);
    const firstList = this.resourceVersion === undefined;
    const changes = this.store.replace(list.items.map(withoutManagedFields));
    if (!firstList) for (const _ of changes) this.#count('relist_change');
    this.#mustList = false;
    this.#relistAt = clock.monotonic() + this.#bounds.relistEveryMs * (0.9 + 0.2 * this.#random());
    this.#seen(list.resourceVersion);
    this.#count('listed');
    for (const change of changes) this.#notify(change);
  }

  /** A list older than what was seen comes from a server that lags (wait) or that was restored (believe it, in the end). */
  #checkNotStale(listed: string): void {
    if (compareVersions(listed, this.resourceVersion) >= 0) {
      this.#staleLists = 0;
      return;
    }
    this.#staleLists += 1;
    if (this.#staleLists < this.#bounds.staleListsMax) {
      this.#count('stale_list');
      const message = `list ${this.#options.kind.plural}: version ${listed} is older than ${this.resourceVersion}, which was seen before`;
      throw new KubeError({ status: 0, reason: 'StaleList', message });
    }
    this.#staleLists = 0;
    this.#count('history_reset');
    this.#options.log.warn({ kind: this.#options.kind.kind, listed, seen: this.resourceVersion }, 'kube.history_reset');
    this.#gate.reset();
  }

  async #watch(): Promise<Ending> {
    const { client, kind, namespace, labelSelector, clock } = this.#options;
    const { watchSecondsMin, watchSecondsMax } = this.#bounds;
    const startedAt = clock.monotonic();
    const ended = (cause: Ending['cause']): Ending => ({
      step: 'watch',
      livedMs: clock.monotonic() - startedAt,
      cause,
    });
    const timeoutSeconds = Math.round(watchSecondsMin + (watchSecondsMax - watchSecondsMin) * this.#random());
    const cut = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, cut.signal]);
    this.#activeAt = startedAt;
    const guard = this.#guard(cut, signal);
    try {
      const resourceVersion = this.resourceVersion ?? '0';
      const events = client.watch(kind, { namespace, labelSelector, resourceVersion, timeoutSeconds, signal });
      for await (const event of events) {
        const changes = this.store.take({ ...event, object: withoutManagedFields(event.object) });
        this.#activeAt = clock.monotonic();
        this.#seen(event.object.metadata.resourceVersion);
        for (const change of changes) this.#notify(change);
      }
      return ended('closed');
    } catch (error) {
      const cutFor = cut.signal.aborted ? await guard : undefined;
      return ended(cutFor ?? { error });
    } finally {
      cut.abort();
      await guard;
    }
  }

  /** Cuts the watch when nothing has come for too long, or when the periodic list is due; tells which. */
  async #guard(cut: AbortController, signal: AbortSignal): Promise<'inactive' | 'relist_due' | undefined> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const now = clock.monotonic();
      const inactiveAt = this.#activeAt + this.#bounds.inactivityMs;
      if (now >= inactiveAt || now >= this.#relistAt) {
        cut.abort(new Error('The watch was cut.'));
        return now >= inactiveAt ? 'inactive' : 'relist_due';
      }
      await pause(clock, Math.min(inactiveAt, this.#relistAt) - now, signal);
    }
    return undefined;
  }

  #seen(version: string | undefined): void {
    this.lastSeenAt = this.#options.clock.now();
    if (version !== undefined) this.#gate.advance(version);
  }

  #notify(change: Change): void {
    try {
      this.#options.onChange?.(change);
    } catch (error) {
      this.#count('callback_failed');
      this.#options.log.error({ err: error, kind: this.#options.kind.kind }, 'kube.callback_failed');
    }
  }

  #report(ending: Ending, waitMs: number): void {
    const { kind } = this.#options.kind;
    const error = typeof ending.cause === 'string' ? undefined : ending.cause.error;
    if (ending.cause === 'inactive') this.#count('watch_inactive');
    else if (ending.cause === 'closed') this.#count('watch_closed');
    else if (isGone(error)) this.#count('watch_gone');
    else if (error !== undefined) this.#count(ending.step === 'list' ? 'list_failed' : 'watch_failed');
    if (error !== undefined)
      this.#options.log.warn({ err: error, kind, step: ending.step, waitMs }, 'kube.reflector_retry');
  }

  #count(event: ReflectorEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** Field ownership is the server's business and half of an object's size: copies are kept without it. */
function withoutManagedFields(object: KubeObject): KubeObject {
  const metadata = { ...object.metadata };
  delete metadata['managedFields'];
  return { ...object, metadata };
}
