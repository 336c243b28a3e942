/** Weight of one answer in the running mean, before its size counts. */
const share = 0.2;
/** An answer that takes as long as this weighs half: what is small is mostly steps of the engine, seconds. */
const halfWeightSeconds = 0.2;
/** One answer says no more than that, either way: a lost cache or a queue inside are no speed. */
const ratioMax = 8;
/** What is less than so many times as slow or fast is the load of the moment, which is counted elsewhere. */
const noticeable = 2;
/** Less than that logarithm of it is not noticeable, however long ago. */
const unnoticed = Math.log(noticeable) / 2;
/** What is not confirmed halves in this time, so that a replica that was slow is tried again, milliseconds. */
const halfLifeMs = 60_000;

/** How much longer each replica takes than its pool does, learned from what it took beside what was expected. */
export class ReplicaSpeeds {
  readonly #logs = new Map<string, { readonly log: number; readonly at: number }>();

  /** 1: as its pool; 3: three times as long. */
  slownessOf(replica: string, now: number): number {
    if (Math.abs(this.#logs.get(replica)?.log ?? 0) < unnoticed) return 1;
    const slowness = Math.exp(this.#logOf(replica, now));
    return slowness < noticeable && slowness > 1 / noticeable ? 1 : slowness;
  }

  /** An answer took `ratio` times the `seconds` that its pool takes for it. */
  learn(replica: string, { ratio, seconds }: { ratio: number; seconds: number }, now: number): void {
    const seen = Math.log(Math.min(ratioMax, Math.max(1 / ratioMax, ratio)));
    const log = this.#logOf(replica, now);
    const weight = (share * seconds) / (seconds + halfWeightSeconds);
    this.#logs.set(replica, { log: log + weight * (seen - log), at: now });
  }

  /** Forgets all replicas but these. */
  keep(replicas: { has(replica: string): boolean }): void {
    for (const replica of this.#logs.keys()) if (!replicas.has(replica)) this.#logs.delete(replica);
  }

  #logOf(replica: string, now: number): number {
    const known = this.#logs.get(replica);
    return known === undefined ? 0 : known.log * 0.5 ** ((now - known.at) / halfLifeMs);
  }
}
