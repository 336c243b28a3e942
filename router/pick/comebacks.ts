/** Over how many requests the share is reckoned. */
const memory = 32;
/** With less of a share too little is gained by leaving caches as they are. Not swept. */
const leastShare = 0.25;

/**
 * Whether the requests of a pool come back to what its caches hold, as turns of conversations do: a lately weighted share.
 * Prompts that share nothing fill caches, too, and nobody comes back for them.
 */
export class Comebacks {
  readonly #shares = new Map<string, number>();

  /** A request was placed: one whose conversation a replica has, or not. */
  note(pool: string, cameBack: boolean): void {
    const share = this.#shares.get(pool) ?? 0;
    this.#shares.set(pool, share + (Number(cameBack) - share) / memory);
  }

  areMany(pool: string): boolean {
    return (this.#shares.get(pool) ?? 0) >= leastShare;
  }

  /** Forgets all pools but these. */
  keep(pools: { get(pool: string): unknown }): void {
    for (const pool of this.#shares.keys()) if (pools.get(pool) === undefined) this.#shares.delete(pool);
  }
}
