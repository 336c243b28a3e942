import type { PermanentFailure } from '../observe/observed-state.ts';

/** Changes that failed for good in this process' life. A newer revision makes them meaningless. */
export class Refusals {
  readonly #failed = new Map<string, PermanentFailure>();

  fail(endpointId: string, failure: PermanentFailure): void {
    this.#failed.set(endpointId, failure);
  }

  failureOf(endpointId: string): PermanentFailure | null {
    return this.#failed.get(endpointId) ?? null;
  }

  forget(endpointId: string): void {
    this.#failed.delete(endpointId);
  }
}
