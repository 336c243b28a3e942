import type { Clock } from '#shared/runtime/clock.ts';
import { OverdueError, within } from '#shared/runtime/within.ts';
import { compareVersions, type KubeObject } from './kube-object.ts';
import type { Reflector } from './reflector.ts';

/** The part of a reflector that the gate looks at. */
export type WrittenCache = Pick<Reflector, 'resourceVersion' | 'reached'>;

/** Bounds of the gate. */
export interface WroteAtOptions {
  clock: Clock;
  /** A write that the cache has not shown after this long is forgotten: the object may lie outside its selector. */
  waitMaxMs: number;
  /** Called each time that happens. */
  onOverdue?: () => void;
}

interface Write {
  cache: WrittenCache;
  version: string;
  overdueAt: number;
}

/**
 * Read-your-writes gate: after a key's writes, its next look at the caches waits until they show them, so that nothing
 * is done twice on a stale cache. It saves work; the fences in the API server give correctness.
 * Source of the idea: KEP-5647 (stale controller handling, Kubernetes 1.36).
 */
export class WroteAt {
  readonly #options: WroteAtOptions;
  readonly #writes = new Map<string, Map<WrittenCache, Write>>();

  constructor(options: WroteAtOptions) {
    this.#options = options;
  }

  /**
   * Remembers what a write for `key` returned, a delete that something holds included. `cache` is the reflector of that kind.
   */
  wrote(key: string, cache: WrittenCache, returned: KubeObject): void {
    const version = returned.metadata.resourceVersion;
    const writes = this.#writes.get(key) ?? new Map<WrittenCache, Write>();
    if (compareVersions(version, writes.get(cache)?.version) <= 0 || version === undefined) return;
    const overdueAt = this.#options.clock.monotonic() + this.#options.waitMaxMs;
    this.#writes.set(key, writes.set(cache, { cache, version, overdueAt }));
  }

  /** False while a cache has not yet shown this key's last writes: come back later. */
  isReady(key: string): boolean {
    const writes = this.#writes.get(key);
    if (writes === undefined) return true;
    for (const [cache, write] of writes) {
      const seen = compareVersions(cache.resourceVersion, write.version) >= 0;
      const overdue = !seen && this.#options.clock.monotonic() >= write.overdueAt;
      if (overdue) this.#options.onOverdue?.();
      if (overdue || seen) writes.delete(cache);
    }
    if (writes.size === 0) this.#writes.delete(key);
    return writes.size === 0;
  }

  /** Resolves when `isReady` turns true, at the latest `waitMaxMs` after the last write. @throws the signal's reason. */
  async ensureReady(key: string, signal?: AbortSignal): Promise<void> {
    while (!this.isReady(key)) {
      const writes = [...(this.#writes.get(key)?.values() ?? [])];
      await Promise.all(writes.map((write) => this.#untilSeen(write, signal)));
    }
  }

  /** Drops a key that has ended. */
  forget(key: string): void {
    this.#writes.delete(key);
  }

  /** Keys that have writes the caches have not shown. */
  get pending(): number {
    return this.#writes.size;
  }

  async #untilSeen(write: Write, signal?: AbortSignal): Promise<void> {
    const done = new AbortController();
    const either = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
    const waitMs = Math.max(0, write.overdueAt - this.#options.clock.monotonic());
    const seen = write.cache.reached(write.version, either);
    try {
      await within(seen, waitMs, { clock: this.#options.clock, signal });
    } catch (error) {
      if (!(error instanceof OverdueError)) throw error;
    } finally {
      done.abort();
      // Ended by us, or told above.
      await seen.catch(() => {});
    }
  }
}
