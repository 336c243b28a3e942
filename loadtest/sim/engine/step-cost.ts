/**
 * What a step costs, in milliseconds and tokens. A step reads the weights that its tokens touch and computes its prompt
 * tokens at the same time, so the longer of the two counts; everything else comes on top.
 */
export interface StepCost {
  /** Every step: launches, scheduling, sampling. */
  readonly perStep: number;
  /** Every step that decodes, on top. */
  readonly perDecodeStep?: number;
  /** Reading the weights; left out where `perStep` contains it. */
  readonly weights?: WeightsRead;
  readonly perSequence: number;
  /** Reading the KV of one token of a decoding sequence. */
  readonly perContextToken: number;
  /** Prompt tokens that are computed, without attention. */
  readonly perPromptToken: number;
  /** Attention of n prompt tokens behind c others costs this times (c+n)² − c². */
  readonly perPair: number;
}

/** Milliseconds of reading weights once; a token picks `active` of `experts` in every layer. */
export interface WeightsRead {
  readonly always: number;
  readonly allExperts: number;
  readonly experts: number;
  readonly active: number;
}

/** What one step computes. */
export interface StepLoad {
  /** Decoding sequences, and the tokens of their contexts together. */
  readonly sequences: number;
  readonly contextTokens: number;
  readonly promptTokens: number;
  /** Sum over the chunks of (cached + fresh)² − cached². */
  readonly pairs: number;
}

/** How long a step takes. */
export function stepMs(cost: StepCost, { sequences, contextTokens, promptTokens, pairs }: StepLoad): number {
  const weights = cost.weights === undefined ? 0 : weightsMs(cost.weights, sequences + promptTokens);
  const decoding = sequences === 0 ? 0 : (cost.perDecodeStep ?? 0) + cost.perSequence * sequences;
  const linear = Math.max(weights, cost.perPromptToken * promptTokens);
  return cost.perStep + linear + decoding + cost.perContextToken * contextTokens + cost.perPair * pairs;
}

/** Reading what `tokens` touch, when each picks its experts by itself: a share of 1 − (1 − active/experts)^tokens. */
export function weightsMs({ always, allExperts, experts, active }: WeightsRead, tokens: number): number {
  return always + allExperts * (1 - (1 - active / experts) ** tokens);
}

/** The pairs of `fresh` tokens behind `cached` ones. */
export function pairsOf(cached: number, fresh: number): number {
  return fresh * (2 * cached + fresh);
}
