import type { Logger } from '#shared/runtime/log.ts';
import { isConflict } from '../kube/kube-error.ts';

/**
 * Work on a cluster that no endpoint waits for: what stands in its way is told, and tried again at the next look. A conflict
 * is somebody else's write, which that look finds.
 */
export class SideTask {
  readonly #what: string;
  readonly #log: Logger;
  #problem = '';

  /** `what` it keeps, for people. */
  constructor(what: string, log: Logger) {
    this.#what = what;
    this.#log = log;
  }

  /** @throws the signal's reason alone. */
  async run(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#problem = '';
    } catch (error) {
      signal.throwIfAborted();
      if (isConflict(error)) return;
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#problem) this.#log.error({ what: this.#what, reason }, 'cluster.not_kept');
      this.#problem = reason;
    }
  }

  /** For `/readyz`. */
  warnings(): string[] {
    return this.#problem === '' ? [] : [`${this.#what}: ${this.#problem}`];
  }
}
