import { modelConfig } from '#shared/contract/catalogue/catalog.ts';
import type { ModelDeployment } from '#shared/contract/desired.ts';
import type { EngineProfile } from './engine-profile.ts';

/** Where the weights of a model come from; `path` lies in what is mounted, and is empty for all of it. */
export type WeightSource =
  | { kind: 'hub'; repository: string }
  | { kind: 'storage'; bucketPath: string; path: string }
  | { kind: 'claim'; storageClass: string; path: string }
  | { kind: 'image'; reference: string; path: string };

/** Where an engine that serves a deployment gets its weights; null for one that needs none. */
export type WeightChoice = (
  deployment: Pick<ModelDeployment, 'slug' | 'providerModelId'>,
  profile: Pick<EngineProfile, 'weights'>,
) => WeightSource | null;

/** Where weights that do not come from the hub are mounted. */
export const weightsFolder = '/weights';

const part = String.raw`[A-Za-z0-9_][A-Za-z0-9_.-]*`;
const path = `${part}(?:/${part})*`;
const forms = {
  hub: new RegExp(`^hf://(${part}/${part}(?::${part})?)$`),
  storage: new RegExp(`^s3://(${path})(?:#(${path}))?$`),
  claim: new RegExp(`^pvc://([a-z0-9][a-z0-9.-]*)(?:/(${path}))?$`),
  image: new RegExp(`^oci://([A-Za-z0-9][A-Za-z0-9_./:@-]*)(?:#(${path}))?$`),
};

/**
 * Reads `<model>=<source>` with commas between; models are named by slug or by the provider's id. A source is
 * `hf://<repository>`, `s3://<bucket>/<prefix>#<path>`, `pvc://<storage class>/<path>` or `oci://<image>#<path>`. What is not named
 * comes from the hub, in the form that the engine reads. Null for anything else. Pure.
 */
export function readWeightChoice(text: string): WeightChoice | null {
  const rules = new Map<string, WeightSource>();
  for (const rule of text.split(',').filter((each) => each.trim() !== '')) {
    const [model = '', ...rest] = rule.trim().split('=');
    const source = readSource(rest.join('='));
    if (model === '' || source === null || rules.has(model)) return null;
    rules.set(model, source);
  }
  return ({ slug, providerModelId }, { weights }) => {
    if (weights === null) return null;
    const id = providerModelId || slug;
    const found = rules.get(slug) ?? rules.get(providerModelId);
    return found ?? { kind: 'hub', repository: (weights === 'gguf' && modelConfig(id)?.ggufRepository) || id };
  };
}

function readSource(text: string): WeightSource | null {
  const [, repository] = forms.hub.exec(text) ?? [];
  if (repository !== undefined) return { kind: 'hub', repository };
  const [, bucketPath, inStorage = ''] = forms.storage.exec(text) ?? [];
  if (bucketPath !== undefined) return { kind: 'storage', bucketPath, path: inStorage };
  const [, storageClass, inClaim = ''] = forms.claim.exec(text) ?? [];
  if (storageClass !== undefined) return { kind: 'claim', storageClass, path: inClaim };
  const [, reference, inImage = ''] = forms.image.exec(text) ?? [];
  return reference === undefined ? null : { kind: 'image', reference, path: inImage };
}

/** What an engine is told of its weights: a repository at the hub, or a place in its own file system. Pure. */
export function weightsFor(source: WeightSource | null): { repository: string } | { path: string } {
  if (source === null) return { repository: '' };
  if (source.kind === 'hub') return { repository: source.repository };
  return { path: source.path === '' ? weightsFolder : `${weightsFolder}/${source.path}` };
}
