/** Tokens of one answer, as the engine counted them. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens that came out of the engine's cache; undefined when it does not say. */
  readonly cachedTokens: number | undefined;
}
