import type { ModelDeployment } from '#shared/contract/desired.ts';
import type { EngineProfile } from './engine-profile.ts';
import { llamaCpp } from './llama-cpp.ts';
import { sglang } from './sglang.ts';
import { sim } from './sim.ts';
import { vllm } from './vllm.ts';

/** Every profile by its name. */
export const profiles: ReadonlyMap<string, EngineProfile> = new Map(
  [sim, vllm, sglang, llamaCpp].map((each) => [each.name, each]),
);

/** Which engine serves a deployment. */
export type EngineChoice = (deployment: Pick<ModelDeployment, 'slug' | 'providerModelId' | 'engine'>) => EngineProfile;

/**
 * Reads `<engine>` or `<model>=<engine>` with commas between: one engine for everything, and others for some models, which
 * are named by slug or by the provider's id. What the spec itself asks for comes first. Null for anything else. Pure.
 */
export function readEngineChoice(text: string): EngineChoice | null {
  const rules = new Map<string, EngineProfile>();
  for (const part of text.split(',')) {
    const [name = '', model = ''] = part.trim().split('=').toReversed();
    const profile = profiles.get(name);
    if (profile === undefined || rules.has(model)) return null;
    rules.set(model, profile);
  }
  const common = rules.get('');
  if (common === undefined) return null;
  return ({ slug, providerModelId, engine }) =>
    profiles.get(engine?.engine ?? '') ?? rules.get(slug) ?? rules.get(providerModelId) ?? common;
}
