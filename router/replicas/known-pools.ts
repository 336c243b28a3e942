import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';

/** The pools that the brain knows, and where their replicas are. */
export class KnownPools {
  #pools = new Map<string, PoolDocument>();
  #replicas = new Map<string, PoolReplica>();
  #poolOf = new Map<string, PoolDocument>();

  get(pool: string): PoolDocument | undefined {
    return this.#pools.get(pool);
  }

  /** The pool that names this replica. */
  poolOf(replica: string): PoolDocument | undefined {
    return this.#poolOf.get(replica);
  }

  /** Whether a pool names this replica, at this address and since its last restart. */
  has(replica: PoolReplica): boolean {
    const known = this.#replicas.get(replica.replicaId);
    return known !== undefined && processOf(known) === processOf(replica);
  }

  all(): PoolDocument[] {
    return [...this.#pools.values()];
  }

  /** Takes all pools anew; returns the replicas that are gone, have moved or have restarted, and the ids of new ones. */
  set(documents: readonly PoolDocument[]): { gone: PoolReplica[]; added: string[] } {
    const before = this.#replicas;
    this.#pools = new Map(documents.map((pool) => [pool.pool, pool]));
    const replicas = documents.flatMap((pool) => pool.replicas);
    this.#replicas = new Map(replicas.map((replica) => [replica.replicaId, replica]));
    this.#poolOf = new Map(
      documents.flatMap((pool) => pool.replicas.map(({ replicaId }) => [replicaId, pool] as const)),
    );
    return {
      gone: [...before.values()].filter((replica) => !this.has(replica)),
      added: replicas.map(({ replicaId }) => replicaId).filter((id) => !before.has(id)),
    };
  }
}

/** Names one process: an address, and how often Kubernetes has started it anew there. */
export function processOf({ address, port, restarts }: PoolReplica): string {
  return `${address} ${port} ${restarts ?? ''}`;
}
