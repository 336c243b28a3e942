import type { EnginePreset } from './presets.ts';

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
