import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';

/** The pools that the brain knows, and whose each replica is. */
export class KnownPools {
  #pools = new Map<string, PoolDocument>();
  #owners = new Map<string, { pool: PoolDocument; replica: PoolReplica }>();

  get(pool: string): PoolDocument | undefined {
    return this.#pools.get(pool);
  }

  ownerOf(replica: string): PoolDocument | undefined {
    return this.#owners.get(replica)?.pool;
  }

  all(): PoolDocument[] {
    return [...this.#pools.values()];
  }

  /** Takes all pools anew; returns the replicas that are gone or have moved, and the ids of those that are new there. */
  set(documents: readonly PoolDocument[]): { gone: PoolReplica[]; added: string[] } {
    const before = this.#owners;
    this.#pools = new Map(documents.map((pool) => [pool.pool, pool]));
    this.#owners = new Map(
      documents.flatMap((pool) => pool.replicas.map((replica) => [replica.replicaId, { pool, replica }] as const)),
    );
    const stays = (id: string): boolean => placeOf(before.get(id)?.replica) === placeOf(this.#owners.get(id)?.replica);
    return {
      gone: [...before].filter(([id]) => !stays(id)).map(([, { replica }]) => replica),
      added: [...this.#owners.keys()].filter((id) => !stays(id)),
    };
  }
}

function placeOf(replica: PoolReplica | undefined): string | undefined {
  return replica && `${replica.address} ${replica.port}`;
}
