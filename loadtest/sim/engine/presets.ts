import type { StepCost } from './step-cost.ts';

/** Everything that makes one simulated engine differ from another: sizes, limits and the cost of its steps. */
export interface EnginePreset {
  readonly name: string;
  /** What is imitated, in words. */
  readonly imitates: string;
  /**
   * `measured`: its steps lie between the card's limit and steps measured on that card. `published`: another's fit to a
   * real engine. `uncalibrated`: reckoned only.
   */
  readonly basis: 'measured' | 'published' | 'uncalibrated';
  /** Tokens of one KV block; only whole blocks are cached. */
  readonly blockTokens: number;
  /** Tokens that fit into the KV cache. */
  readonly kvTokens: number;
  /** Requests that run at once (vLLM's max_num_seqs). */
  readonly maxSequences: number;
  /** Tokens of one step (vLLM's max_num_batched_tokens): a longer prefill is cut into chunks. */
  readonly chunkTokens: number;
  /** Longest prompt plus output. */
  readonly maxModelTokens: number;
  readonly cost: StepCost;
}

const common = { blockTokens: 16, maxSequences: 256, chunkTokens: 8192 } as const;

/**
 * Qwen3-30B-A3B on one H200.
 *
 * `perStep`: a similar model (Qwen3-Coder-Next, 3B active, FP8, same card) decodes one sequence at 211 tokens/s, 4.7 ms,
 * of which 0.7 are weights. `weights`: bytes at the 4.34 TB/s measured in reading; in bf16 2.4 GB are always read
 * (attention, router, head), 58 GB are experts. `perSequence`: measured, from 64 to 128 sequences .03 beside their KV,
 * from 32 to 64 .09. `perContextToken`: 98,304 bytes at 4.34 TB/s are 22.6 ns, and 6 % for what is not streaming.
 * `perPromptToken`: measured 22 µs without fusion. `perPair`: cuDNN's attention measured 5.8 to 6.6e-7 ms.
 */
const moe30b = {
  perStep: 4,
  weights: { always: 0.56, allExperts: 13.36, experts: 128, active: 8 },
  perSequence: 0.05,
  perContextToken: 2.4e-5,
  perPromptToken: 0.02,
  perPair: 6.2e-7,
} as const satisfies StepCost;

/** The same with half the bytes of weights; nothing computes faster. */
const moe30bFp8 = {
  ...moe30b,
  weights: { ...moe30b.weights, always: 0.28, allExperts: 6.68 },
} as const satisfies StepCost;

/** The presets; `README.md` says how exact they are. */
export const presets = {
  '30b-a3b-h200': {
    ...common,
    name: '30b-a3b-h200',
    imitates: 'a 30B-A3B mixture of experts on one H200: FP8 weights (31 GB), bf16 KV (95 GB)',
    basis: 'measured',
    kvTokens: 970_000,
    maxModelTokens: 262_144,
    cost: moe30bFp8,
  },
  '30b-a3b-bf16-h200': {
    ...common,
    name: '30b-a3b-bf16-h200',
    imitates: 'a 30B-A3B mixture of experts on one H200: bf16 weights (61 GB), bf16 KV (74 GB)',
    basis: 'measured',
    kvTokens: 750_000,
    maxModelTokens: 262_144,
    cost: moe30b,
  },
  /** No step was measured with FP8 KV: half the bytes are read, and attention computes no faster. */
  '30b-a3b-fp8kv-h200': {
    ...common,
    name: '30b-a3b-fp8kv-h200',
    imitates: 'a 30B-A3B mixture of experts on one H200: FP8 weights (31 GB), FP8 KV (95 GB)',
    basis: 'uncalibrated',
    kvTokens: 1_940_000,
    maxModelTokens: 262_144,
    cost: { ...moe30bFp8, perContextToken: 1.2e-5 },
  },
  /**
   * `weights`: 16 GB at the measured 4.34 TB/s. `perStep`, `perSequence`: set between those and the measured 6.1 ms of one
   * and 13.8 ms of 128 sequences. `perContextToken`: 131,072 bytes, as above. `perPromptToken`: the fit for one H100
   * (17.25 µs), whose arithmetic is the same; measured 21 without fusion. `perPair`: 32 layers in place of 48.
   */
  '8b-h200': {
    ...common,
    name: '8b-h200',
    imitates: 'a dense 8B model in bf16 on one H200',
    basis: 'measured',
    kvTokens: 875_000,
    maxModelTokens: 131_072,
    cost: {
      perStep: 1.5,
      weights: { always: 3.7, allExperts: 0, experts: 1, active: 1 },
      perSequence: 0.015,
      perContextToken: 3.2e-5,
      perPromptToken: 0.018,
      perPair: 4.1e-7,
    },
  },
  /**
   * BLIS' fit for vLLM 0.8.4 (8B, one H100): a step, a prompt token, a sequence. It has no attention: that is the FLOPs at
   * 400 TFLOP/s, and KV bytes at 3.35 TB/s.
   */
  '8b-h100': {
    ...common,
    name: '8b-h100',
    imitates: 'a dense 8B model on one H100',
    basis: 'published',
    kvTokens: 467_000,
    maxModelTokens: 131_072,
    cost: { perStep: 5.753, perSequence: 0.006, perContextToken: 3.9e-5, perPromptToken: 0.01725, perPair: 6.5e-7 },
  },
  /** BLIS' fit for 70B on eight H100, completed in the same way, per card. */
  '70b-tp8-h100': {
    ...common,
    name: '70b-tp8-h100',
    imitates: 'a dense 70B model on eight H100 (tensor parallel)',
    basis: 'published',
    kvTokens: 1_200_000,
    maxModelTokens: 131_072,
    cost: { perStep: 14.141, perSequence: 0.0194, perContextToken: 1.2e-5, perPromptToken: 0.01, perPair: 4.1e-7 },
  },
  /**
   * Reckoned from the two measured models to compare with published points: weights 65.6 GB at 3.35 TB/s on two cards;
   * prompt tokens by parameters, attention by 64 layers of 64 heads, from `8b-h200`, over two cards.
   */
  '32b-tp2-h100': {
    ...common,
    name: '32b-tp2-h100',
    imitates: 'a dense 32B model in bf16 on two H100 (tensor parallel)',
    basis: 'uncalibrated',
    kvTokens: 270_000,
    maxModelTokens: 131_072,
    cost: {
      perStep: 1.5,
      weights: { always: 9.8, allExperts: 0, experts: 1, active: 1 },
      perSequence: 0.015,
      perContextToken: 4.2e-5,
      perPromptToken: 0.037,
      perPair: 8.3e-7,
    },
  },
  /**
   * Reckoned from `30b-a3b-h200` to compare with published points: 80 GB, 3 of them used by a token, 10 of 512 experts; 12
   * of 48 layers keep KV (24,576 bytes a token) and attend with 16 heads of 256.
   */
  'coder-next-h200': {
    ...common,
    name: 'coder-next-h200',
    imitates: 'an 80B-A3B hybrid mixture of experts in FP8 on one H200',
    basis: 'uncalibrated',
    kvTokens: 1_700_000,
    maxModelTokens: 262_144,
    cost: {
      ...moe30bFp8,
      weights: { always: 0.4, allExperts: 18, experts: 512, active: 10 },
      perContextToken: 6e-6,
      perPair: 1.55e-7,
    },
  },
  /**
   * The first preset, kept because figures of other routers were measured with it. It reads its KV and attends faster than
   * the card can, and a step that only computes prompts costs nothing beside them.
   */
  '30b-a3b-h200-2025': {
    ...common,
    name: '30b-a3b-h200-2025',
    imitates: 'a 30B-A3B mixture of experts in FP8 on one H200, as reckoned before anything was measured',
    basis: 'uncalibrated',
    kvTokens: 970_000,
    maxModelTokens: 262_144,
    cost: {
      perStep: 0,
      perDecodeStep: 5,
      perSequence: 0.15,
      perContextToken: 1.5e-5,
      perPromptToken: 0.02,
      perPair: 4e-7,
    },
  },
} as const satisfies Record<string, EnginePreset>;

/** The name of a preset. */
export type PresetName = keyof typeof presets;

/** Names of all presets, for checks. */
export const presetNames = Object.keys(presets) as PresetName[];

/** All presets by name, with what they rest on where that is nothing measured. */
export const presetList = presetNames
  .map((name) => (presets[name].basis === 'uncalibrated' ? `${name} (uncalibrated)` : name))
  .join(', ');
