/**
 * Everything that makes one simulated engine differ from another: sizes, limits and the cost of its steps.
 * Times are milliseconds of engine time, sizes are tokens.
 */
export interface EnginePreset {
  readonly name: string;
  /** What is imitated, in words. */
  readonly imitates: string;
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
  /** Prefill of n tokens after c cached ones: perToken·n + perSquaredToken·((c+n)² − c²). */
  readonly prefillMs: { readonly perToken: number; readonly perSquaredToken: number };
  /** One decode step: base + perSequence·B + perContextToken·(context tokens of the B sequences together). */
  readonly decodeMs: { readonly base: number; readonly perSequence: number; readonly perContextToken: number };
}

const common = { blockTokens: 16, maxSequences: 256, chunkTokens: 8192 } as const;

/**
 * The presets. Sources: `30b-a3b-h200` is fitted to measured times of a 30B-A3B mixture of experts (FP8, one H200,
 * 96 KB of KV per token): 128k cold ≈ 9.1 s, 77k cached + 1.2k new ≈ 0.1 s. The other two take their step and token
 * costs from BLIS' fits for vLLM 0.8.4 (8B TP1 and 70B TP8 on H100); BLIS has no attention term, so that term is
 * the attention FLOPs at 400 TFLOP/s per GPU, and the context term is KV bytes (128 and 320 KB a token) at 3.35 TB/s.
 */
export const presets = {
  '30b-a3b-h200': {
    ...common,
    name: '30b-a3b-h200',
    imitates: 'a 30B-A3B mixture of experts in FP8 on one H200',
    kvTokens: 970_000,
    maxModelTokens: 262_144,
    prefillMs: { perToken: 0.02, perSquaredToken: 4e-7 },
    decodeMs: { base: 5, perSequence: 0.15, perContextToken: 1.5e-5 },
  },
  '8b-h100': {
    ...common,
    name: '8b-h100',
    imitates: 'a dense 8B model on one H100',
    kvTokens: 467_000,
    maxModelTokens: 131_072,
    prefillMs: { perToken: 0.01725, perSquaredToken: 6.5e-7 },
    decodeMs: { base: 5.753, perSequence: 0.006, perContextToken: 3.9e-5 },
  },
  '70b-tp8-h100': {
    ...common,
    name: '70b-tp8-h100',
    imitates: 'a dense 70B model on eight H100 (tensor parallel)',
    kvTokens: 1_200_000,
    maxModelTokens: 131_072,
    prefillMs: { perToken: 0.01, perSquaredToken: 4.1e-7 },
    decodeMs: { base: 14.141, perSequence: 0.0194, perContextToken: 1.2e-5 },
  },
} as const satisfies Record<string, EnginePreset>;

/** The name of a preset. */
export type PresetName = keyof typeof presets;

/** Names of all presets, for messages and checks. */
export const presetNames = Object.keys(presets) as PresetName[];

/** Engine time of computing `fresh` prompt tokens behind `cached` ones, milliseconds. */
export function prefillMs(preset: EnginePreset, cached: number, fresh: number): number {
  const end = cached + fresh;
  return preset.prefillMs.perToken * fresh + preset.prefillMs.perSquaredToken * (end * end - cached * cached);
}

/** Engine time of one decode step of `sequences` requests with `contextTokens` tokens together; 0 when there is none. */
export function decodeMs(preset: EnginePreset, sequences: number, contextTokens: number): number {
  if (sequences === 0) return 0;
  const { base, perSequence, perContextToken } = preset.decodeMs;
  return base + perSequence * sequences + perContextToken * contextTokens;
}
