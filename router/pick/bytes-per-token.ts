/** Bytes of prompt per token until a pool has shown its own: code and English in 2026's tokenizers. */
const bytesPerTokenAtFirst = 4;
/** Weight of one answer in the running mean. */
const share = 0.05;
/** Answers to shorter prompts say little: the template's own tokens weigh too much in them. */
const promptTokensMin = 64;

/** How many bytes of a request's prompt make one token, learned per pool from what engines report. */
export class TokenWeights {
  readonly #pools = new Map<string, number>();

  bytesPerToken(pool: string): number {
    return this.#pools.get(pool) ?? bytesPerTokenAtFirst;
  }

  /** An answer came: so many prompt bytes were so many tokens. */
  learn(pool: string, bytes: number, promptTokens: number): void {
    if (promptTokens < promptTokensMin || bytes === 0) return;
    const seen = Math.min(16, Math.max(0.5, bytes / promptTokens));
    const before = this.#pools.get(pool);
    this.#pools.set(pool, before === undefined ? seen : before + share * (seen - before));
  }

  forget(pool: string): void {
    this.#pools.delete(pool);
  }
}
