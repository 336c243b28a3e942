import { compareVersions } from './kube-object.ts';

interface Waiter {
  version: string;
  resolve: () => void;
  reject: (reason: unknown) => void;
}

/** A resource version that only grows, and those who wait for it to reach one. */
export class VersionGate {
  readonly #waiters = new Set<Waiter>();
  #closedFor: Error | undefined;
  version: string | undefined;

  /** Moves on to `version`; an older one changes nothing. */
  advance(version: string): void {
    if (compareVersions(version, this.version) <= 0) return;
    this.version = version;
    for (const waiter of this.#waiters) if (compareVersions(version, waiter.version) >= 0) waiter.resolve();
  }

  /** Forgets the version: history begins anew with the next `advance`, from wherever. */
  reset(): void {
    this.version = undefined;
  }

  /** Resolves once the version is at least the given one. @throws the signal's reason, or the reason of `close`. */
  async reached(version: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closedFor !== undefined) throw this.#closedFor;
    if (compareVersions(this.version, version) >= 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { version, resolve, reject };
    const onAbort = (): void => reject(signal?.reason);
    this.#waiters.add(waiter);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Rejects everybody who waits or will wait. */
  close(reason: Error): void {
    this.#closedFor = reason;
    for (const waiter of this.#waiters) waiter.reject(reason);
  }
}
