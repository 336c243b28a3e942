import type { PoolDocument } from '#shared/contract/replica.ts';

/** Names that clients may ask a pool for: its model, the model's other names, and the adapters beside it. */
export function namesOf({ models, adapters = [] }: PoolDocument): string[] {
  return [...models, ...adapters];
}

/** The name under which the pool's engine knows what a client asks for: adapters have no other one. */
export function engineNameOf({ models, adapters = [] }: PoolDocument, asked: string | undefined): string {
  const [model = ''] = models;
  return asked !== undefined && adapters.includes(asked) ? asked : model;
}

/** Which pools an endpoint has and which models they serve. */
export class PoolDirectory {
  readonly #pools = new Map<string, PoolDocument>();
  /** Every request asks for those of its endpoint. */
  readonly #ofEndpoint = new Map<string, readonly PoolDocument[]>();

  put(document: PoolDocument): void {
    this.remove(document.pool);
    this.#pools.set(document.pool, document);
    const all = [...this.ofEndpoint(document.endpointId), document];
    this.#ofEndpoint.set(
      document.endpointId,
      all.toSorted((a, b) => (a.pool < b.pool ? -1 : 1)),
    );
  }

  remove(pool: string): void {
    const document = this.#pools.get(pool);
    if (document === undefined) return;
    this.#pools.delete(pool);
    const left = this.ofEndpoint(document.endpointId).filter((other) => other !== document);
    if (left.length > 0) this.#ofEndpoint.set(document.endpointId, left);
    else this.#ofEndpoint.delete(document.endpointId);
  }

  pool(pool: string): PoolDocument | undefined {
    return this.#pools.get(pool);
  }

  /** Pools of one endpoint, in the order of their ids. */
  ofEndpoint(endpointId: string): readonly PoolDocument[] {
    return this.#ofEndpoint.get(endpointId) ?? [];
  }

  /** The pool of an endpoint that serves a model under this name. */
  byModel(endpointId: string, model: string): PoolDocument | undefined {
    return this.ofEndpoint(endpointId).find((document) => namesOf(document).includes(model));
  }

  documents(): PoolDocument[] {
    return [...this.#pools.values()];
  }
}
