import { gpuSize, modelConfig } from '#shared/contract/catalogue/catalog.ts';
import { explainFit, fits } from '#shared/contract/catalogue/fit.ts';
import type { ModelDeployment, SpecDocument } from '#shared/contract/desired.ts';
import type { DryRun } from '#shared/contract/dry-run.ts';

type Group = ModelDeployment['accelerators'][number];

/** Hours of a month: a year's twelfth. */
const hoursPerMonth = 730;

/** Fit and price of a spec, as far as the catalogue goes: a KV cache of 16 bits, no adapters, every GPU of a replica used. Pure. */
export function estimateOf({ deployments, sealedHuggingFaceToken }: SpecDocument): Omit<DryRun, 'ready'> {
  const groups = deployments.flatMap((model) => model.accelerators.map((group) => ({ model, group })));
  const accelerators = groups.map(({ model, group }) => groupEstimate(model, group));
  const cents = groups.reduce((sum, { group }) => sum + centsPerHour(group), 0);
  const gated = deployments.filter(({ providerModelId }) => modelConfig(providerModelId)?.gated === true);
  return {
    fits: (['unknown', 'tight'] as const).find((one) => accelerators.some((group) => group.fits === one)) ?? 'yes',
    accelerators,
    price: {
      currency: 'USD',
      per_hour: dollars(cents),
      per_month: dollars(cents * hoursPerMonth),
      hours_per_month: hoursPerMonth,
    },
    notes: sealedHuggingFaceToken === undefined ? gated.map(({ providerModelId }) => gatedNote(providerModelId)) : [],
  };
}

function gatedNote(repository: string): string {
  return `The weights of ${repository} are given to those alone who have accepted its licence: send access_tokens.hugging_face_token.`;
}

function groupEstimate(model: ModelDeployment, group: Group): DryRun['accelerators'][number] {
  const [config, size] = [modelConfig(model.providerModelId), gpuSize(group.slug)];
  const common = {
    model_slug: model.slug,
    accelerator_slug: group.slug,
    type: group.type,
    scale: group.scale,
    gpus: (size?.gpuCount ?? 1) * group.scale,
    price_per_hour: dollars(centsPerHour(group)),
  };
  if (config === undefined || size === undefined)
    return {
      ...common,
      fits: 'unknown',
      explanation: `The catalogue does not know ${model.providerModelId}: whether it fits is seen when it starts.`,
    };
  const fit = fits(config, size, model.engine?.contextTokens);
  return {
    ...common,
    fits: fit.verdict === 'yes' ? 'yes' : 'tight',
    fit: {
      memory_gb: tenths(fit.memoryGb),
      engine_gb: tenths(fit.engineGb),
      weights_gb: fit.weightsGb,
      kv_cache_gb: tenths(fit.kvGb),
      kv_bytes_per_token: fit.kvBytesPerToken,
      kv_cache_tokens: fit.kvTokens,
      context_tokens: fit.contextTokens,
      sessions_per_replica: fit.sessions,
      sessions: tenths(fit.sessions * group.scale),
    },
    explanation: explainFit(fit),
  };
}

/** Prices are text with two decimals; they are added as whole cents. */
function centsPerHour({ slug, scale }: Group): number {
  return Math.round(Number(gpuSize(slug)?.pricePerHour ?? 0) * 100) * scale;
}

function dollars(cents: number): string {
  return (cents / 100).toFixed(2);
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
