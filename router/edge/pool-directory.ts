import type { PoolDocument } from '#shared/contract/replica.ts';

/** Which pools an endpoint has and which models they serve. */
export class PoolDirectory {
  readonly #pools = new Map<string, PoolDocument>();

  put(document: PoolDocument): void {
    this.#pools.set(document.pool, document);
  }

  remove(pool: string): void {
    this.#pools.delete(pool);
  }

  pool(pool: string): PoolDocument | undefined {
    return this.#pools.get(pool);
  }

  /** Pools of one endpoint, in the order of their ids. */
  ofEndpoint(endpointId: string): PoolDocument[] {
    return [...this.#pools.values()]
      .filter((document) => document.endpointId === endpointId)
      .toSorted((a, b) => (a.pool < b.pool ? -1 : 1));
  }

  /** The pool of an endpoint that serves a model under this name. */
  byModel(endpointId: string, model: string): PoolDocument | undefined {
    return this.ofEndpoint(endpointId).find((document) => document.models.includes(model));
  }

  /** Names that clients of the endpoint may ask for. */
  models(endpointId: string): string[] {
    return this.ofEndpoint(endpointId).flatMap((document) => document.models);
  }

  documents(): PoolDocument[] {
    return [...this.#pools.values()];
  }
}
