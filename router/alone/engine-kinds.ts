import type { EngineAdapterName, PoolDocument } from '#shared/contract/replica.ts';

/** Engines that are known by what they say; of others no metrics are read. */
export type EngineKind = Extract<EngineAdapterName, 'vllm' | 'sglang' | 'llama-cpp'> | 'unknown';

/** Tokens of KV cache, until an engine says how many it has. */
const kvTokens = 262_144;

const named: Record<EngineKind, { title: string; metrics: string; owner: string }> = {
  vllm: { title: 'vLLM', metrics: 'vllm:', owner: 'vllm' },
  sglang: { title: 'SGLang', metrics: 'sglang:', owner: 'sglang' },
  'llama-cpp': { title: 'llama.cpp', metrics: 'llamacpp:', owner: 'llamacpp' },
  unknown: { title: 'unknown engine', metrics: '', owner: '' },
};

/** The engine as people call it. */
export function titleOf(kind: EngineKind): string {
  return named[kind].title;
}

/** Which engine has such metrics or, where it shows none, calls itself the owner of its models. */
export function engineKindOf(metrics: string | undefined, owner: string | undefined): EngineKind {
  const kinds = (['vllm', 'sglang', 'llama-cpp'] as const).map((kind) => ({ kind, ...named[kind] }));
  const found =
    metrics === undefined
      ? kinds.find((one) => one.owner === owner)
      : kinds.find((one) => new RegExp(`^${one.metrics}`, 'm').test(metrics));
  return found?.kind ?? 'unknown';
}

/** What routers must know of such an engine. */
export function engineOf(kind: EngineKind, contextTokensMax: number): PoolDocument['engine'] {
  const common = {
    profile: kind,
    metrics: { running: '', waiting: '', kvUse: '' },
    kvTokens: kind === 'llama-cpp' && contextTokensMax > 0 ? contextTokensMax : Math.max(kvTokens, contextTokensMax),
    blockTokens: 16,
    contextTokensMax,
  };
  if (kind === 'unknown') return { ...common, healthPath: '/v1/models', metricsPath: '' };
  const goesOn = kind === 'llama-cpp' ? { goesOnWithoutClient: true } : {};
  return { ...common, ...goesOn, healthPath: '/health', metricsPath: '/metrics', adapter: kind };
}
