import { gpuSize, modelConfig } from '#shared/contract/catalogue/catalog.ts';
import { fits } from '#shared/contract/catalogue/fit.ts';
import type { ModelDeployment } from '#shared/contract/desired.ts';
import type { EngineProfile } from './engine-profile.ts';

/** What routers reckon with, tokens. */
export interface EngineSizes {
  kvTokens: number;
  contextTokensMax: number;
}

/**
 * Context and KV cache of one replica: what the spec asks for, else what the catalogue knows of model and GPU, else what the
 * profile says. Where a pool has several GPU sizes the smallest cache counts; one context always fits, or the engine would
 * not start. Pure.
 */
export function engineSizes(deployment: ModelDeployment, profile: EngineProfile): EngineSizes {
  const asked = deployment.engine?.contextTokens;
  if (profile.kvBound === 'itself')
    return { kvTokens: profile.kvTokens, contextTokensMax: asked ?? profile.contextTokensMax };
  const model = modelConfig(deployment.providerModelId || deployment.slug);
  const contextTokensMax = asked ?? model?.contextTokensMax ?? profile.contextTokensMax;
  if (profile.kvBound === 'context') return { kvTokens: contextTokensMax, contextTokensMax };
  const caches = deployment.accelerators.flatMap(({ slug }) => {
    const size = gpuSize(slug);
    return model === undefined || size === undefined ? [] : [Math.max(fits(model, size).kvTokens, contextTokensMax)];
  });
  return { kvTokens: caches.length > 0 ? Math.min(...caches) : profile.kvTokens, contextTokensMax };
}
