import type { PermanentFailure } from '../observe/observed-state.ts';

/**
 * What the cluster has said of a revision in this process' life: refused by the fence (somebody has been here with a
 * newer one), or failing for good. A newer revision makes both meaningless.
 */
export class Refusals {
  readonly #fenced = new Map<string, number>();
  readonly #failed = new Map<string, PermanentFailure>();

  fence(endpointId: string, revision: number): void {
    this.#fenced.set(endpointId, revision);
  }

  isFenced(endpointId: string, revision: number): boolean {
    return revision <= (this.#fenced.get(endpointId) ?? -1);
  }

  fail(endpointId: string, failure: PermanentFailure): void {
    this.#failed.set(endpointId, failure);
  }

  failureOf(endpointId: string): PermanentFailure | null {
    return this.#failed.get(endpointId) ?? null;
  }

  forget(endpointId: string): void {
    this.#fenced.delete(endpointId);
    this.#failed.delete(endpointId);
  }
}
