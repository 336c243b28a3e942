import { gpuSize, gpuSizes, modelConfig, type GpuSize, type ModelConfig } from './catalog.ts';
import type { Region } from '../ids.ts';

/**
 * Shares of a GPU's memory that weights and KV cache can have. `most` is vLLM's own bound (`gpu_memory_utilization`, 0.92 in
 * 0.32), of which its working memory still goes off. `usual` is what published KV capacities come to: 8B on an H100 0.86 to
 * 0.90 and on an H200 0.86, Qwen3-Coder-30B-A3B and a 70B model with 8-bit weights on an H200 0.83 each.
 */
const memoryShare = { usual: 0.83, most: 0.92 } as const;

/** How a model goes on the GPUs of one replica; memory in 10⁹ bytes. */
export interface Fit {
  /**
   * Engines refuse to start unless a session of the model's whole context fits beside the weights: `yes` when it does in the
   * usual share of the memory, `tight` when in the greatest alone, `no` when in neither.
   */
  verdict: 'yes' | 'tight' | 'no';
  memoryGb: number;
  /** What the engine keeps for itself. */
  engineGb: number;
  weightsGb: number;
  /** What is left for the KV cache. */
  kvGb: number;
  kvBytesPerToken: number;
  kvTokens: number;
  contextTokens: number;
  /** Sessions of the whole context that the KV cache holds at once, to a tenth. */
  sessions: number;
}

/**
 * Whether a model fits a size, with the arithmetic, for sessions of its whole context or of another one. The GPUs of a replica
 * share its weights and KV heads. Pure.
 */
export function fits(
  model: ModelConfig,
  { vramGb, gpuCount }: Pick<GpuSize, 'vramGb' | 'gpuCount'>,
  contextTokens = model.contextTokensMax,
): Fit {
  const { weightsGb } = model;
  // A key and a value, 16 bits each. Where there are more GPUs than KV heads, each still holds one.
  const kvBytesPerToken = 2 * 2 * model.layers * Math.max(model.kvHeads, gpuCount) * model.headSize;
  const memoryGb = (vramGb * 2 ** 30) / 1e9;
  const tokensIn = (share: number): number =>
    Math.max(0, Math.floor(((memoryGb * share - weightsGb) * 1e9) / kvBytesPerToken));
  const kvTokens = tokensIn(memoryShare.usual);
  const tight = tokensIn(memoryShare.most) >= contextTokens;
  return {
    verdict: kvTokens >= contextTokens ? 'yes' : tight ? 'tight' : 'no',
    memoryGb,
    engineGb: memoryGb * (1 - memoryShare.usual),
    weightsGb,
    kvGb: Math.max(0, memoryGb * memoryShare.usual - weightsGb),
    kvBytesPerToken,
    kvTokens,
    contextTokens,
    sessions: Math.floor((kvTokens / contextTokens) * 10) / 10,
  };
}

/** The sizes that a model can be put on, with its own context or another one, in the order of the catalogue. */
export function sizesFor(model: ModelConfig, contextTokens?: number): GpuSize[] {
  return gpuSizes.filter((size) => fits(model, size, contextTokens).verdict !== 'no');
}

/**
 * Why the model of a repository cannot run on a size, with the arithmetic and what to take instead; null when it can, or when
 * the catalogue does not know it. `contextTokens` takes the place of the model's own. The API refuses a spec by it. Pure.
 */
export function misfit(
  repository: string,
  sizeSlug: string,
  { region, contextTokens: asked }: { region: Region; contextTokens?: number | undefined },
): string | null {
  const [model, size] = [modelConfig(repository), gpuSize(sizeSlug)];
  if (model === undefined || size === undefined) return null;
  const { verdict, memoryGb, weightsGb, kvBytesPerToken, contextTokens } = fits(model, size, asked);
  if (verdict !== 'no') return null;
  const sessionGb = (kvBytesPerToken * contextTokens) / 1e9;
  const others = sizesFor(model, asked).filter(({ regions }) => regions.includes(region));
  return [
    `does not hold ${model.slug}: ${gb(weightsGb)} of weights and ${gb(sessionGb)} of KV cache for one session`,
    `(${count(contextTokens)} tokens of ${count(kvBytesPerToken)} bytes) are ${gb(weightsGb + sessionGb)}, and of its`,
    `${gb(memoryGb)} of memory an engine can use ${gb(memoryGb * memoryShare.most)};`,
    others.length === 0 ? 'no size that is offered does' : `choose ${others.map(({ slug }) => slug).join(' or ')}`,
  ].join(' ');
}

/** The arithmetic of a fit in a sentence, for one replica. */
export function explainFit(fit: Fit): string {
  const { memoryGb, engineGb, weightsGb, kvGb, kvBytesPerToken, kvTokens, contextTokens, sessions } = fit;
  const sum = [
    `${gb(memoryGb)} of memory − ${gb(engineGb)} for the engine − ${gb(weightsGb)} of weights = ${gb(kvGb)} of KV cache;`,
    `at ${count(kvBytesPerToken)} bytes a token that is ${count(kvTokens)} tokens,`,
    `${sessions} sessions of ${count(contextTokens)} tokens.`,
  ].join(' ');
  if (fit.verdict !== 'tight') return sum;
  return `${sum} One such session fits only where the engine can use ${memoryShare.most * 100} % of the memory.`;
}

const number = new Intl.NumberFormat('en-US');

function count(value: number): string {
  return number.format(value);
}

function gb(value: number): string {
  return `${value.toFixed(1)} GB`;
}
