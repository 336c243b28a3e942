import type { PoolDocument } from '#shared/contract/replica.ts';

/** Bytes of prompt per token until a pool has shown its own: code and English in 2026's tokenizers. */
const atFirst = 4;
/** Weight of one answer in the running mean. */
const share = 0.05;
/** Answers to shorter prompts say little: the template's own tokens weigh too much in them. */
const promptTokensMin = 64;
/** Whoever sizes something by it is told when it has moved by this share. */
const moved = 0.05;

/** How many bytes of a request's prompt make one token, learned per pool from what engines report. */
export class BytesPerToken {
  readonly #pools = new Map<string, { mean: number; told: number }>();

  of(pool: string): number {
    return this.#pools.get(pool)?.mean ?? atFirst;
  }

  /** The KV capacity of a pool's replicas, in prompt bytes. */
  capacityOf({ pool, engine }: PoolDocument): number {
    return Math.round(engine.kvTokens * this.of(pool));
  }

  /** An answer came: so many prompt bytes were so many tokens. True when it has moved since that was last told. */
  learn(pool: string, bytes: number, promptTokens: number): boolean {
    if (promptTokens < promptTokensMin || bytes === 0) return false;
    const seen = Math.min(16, Math.max(0.5, bytes / promptTokens));
    const { mean, told } = this.#pools.get(pool) ?? { mean: seen, told: atFirst };
    const now = mean + share * (seen - mean);
    const tells = Math.abs(now - told) > moved * told;
    this.#pools.set(pool, { mean: now, told: tells ? now : told });
    return tells;
  }

  /** Forgets all pools but these. */
  keep(pools: ReadonlySet<string>): void {
    for (const pool of this.#pools.keys()) if (!pools.has(pool)) this.#pools.delete(pool);
  }
}
