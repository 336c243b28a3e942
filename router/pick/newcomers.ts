/** New conversations per replica that are remembered: a balance of the last few minutes, not of all times. */
const perReplica = 8;

interface Counted {
  readonly count: number;
  /** How many had come when it was counted. */
  readonly at: number;
}

/** How many new conversations each replica of a pool has got lately, by one router. */
export class Newcomers {
  readonly #pools = new Map<string, { total: number; readonly replicas: Map<string, Counted> }>();

  of(pool: string, replica: string): number {
    const known = this.#pools.get(pool);
    const counted = known?.replicas.get(replica);
    if (known === undefined || counted === undefined) return 0;
    return counted.count * Math.exp((counted.at - known.total) / (perReplica * known.replicas.size));
  }

  add(pool: string, replica: string): void {
    const known = this.#pools.get(pool) ?? { total: 0, replicas: new Map() };
    this.#pools.set(pool, known);
    const count = this.of(pool, replica) + 1;
    known.total += 1;
    known.replicas.set(replica, { count, at: known.total });
  }

  /** Forgets all replicas but these. */
  keep(replicas: { has(replica: string): boolean }): void {
    for (const [pool, known] of this.#pools) {
      for (const replica of known.replicas.keys()) if (!replicas.has(replica)) known.replicas.delete(replica);
      if (known.replicas.size === 0) this.#pools.delete(pool);
    }
  }
}
