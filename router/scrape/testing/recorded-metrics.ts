import { readFileSync } from 'node:fs';

/**
 * What real engines answered at their metrics' path, and llama.cpp at `/slots`: recorded on loopback, but for Triton, whose
 * text is out of the README of triton-inference-server/tensorrtllm_backend.
 */
export function recordedMetrics(file: string): string {
  return readFileSync(new URL(`metrics/${file}`, import.meta.url), 'utf8');
}
