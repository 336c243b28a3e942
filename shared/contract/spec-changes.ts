import type { ModelDeployment, SpecDocument } from './desired.ts';

/** What of a spec can be changed, and what a provisioner compares. */
export type SpecContent = Pick<SpecDocument, 'name' | 'enablePublicEndpoint' | 'deployments'>;

/** One kind of difference between two specs. */
export const changeKinds = [
  'name',
  'scale',
  'accelerators',
  'models',
  'exchangedModel',
  'engine',
  'publicEndpoint',
] as const;

/** Its name. */
export type ChangeKind = (typeof changeKinds)[number];

/**
 * Why a kind of change is not carried out, and what to do instead; null when it is. The API refuses what is not, and the
 * provisioner rejects it, both by this table: nothing is accepted and forgotten.
 */
export const notCarriedOut: Readonly<Record<ChangeKind, string | null>> = {
  name: null,
  scale: null,
  accelerators: null,
  models: null,
  exchangedModel:
    'replicas of both models would answer under the new name while they are replaced: leave model_id out, and the new model is started beside the old one',
  engine: null,
  publicEndpoint:
    'the public address cannot be switched on or off while the endpoint lives: create another one beside it',
};

/** A difference and where it stands in a request. */
export interface SpecChange {
  kind: ChangeKind;
  path: string;
}

/** What differs between two specs of an endpoint; the order of models and accelerators is no difference. Pure. */
export function specChanges(before: SpecContent, after: SpecContent): SpecChange[] {
  const changes: SpecChange[] = [];
  if (before.name !== after.name) changes.push({ kind: 'name', path: 'spec.name' });
  if (before.enablePublicEndpoint !== after.enablePublicEndpoint)
    changes.push({ kind: 'publicEndpoint', path: 'spec.enable_public_endpoint' });
  const at = 'spec.model_deployments';
  for (const [index, model] of after.deployments.entries()) {
    const present = before.deployments.find(({ modelId }) => modelId === model.modelId);
    if (present === undefined) changes.push({ kind: 'models', path: `${at}.${index}` });
    else changes.push(...modelChanges(present, model, `${at}.${index}`));
  }
  const kept = new Set(after.deployments.map(({ modelId }) => modelId));
  if (before.deployments.some(({ modelId }) => !kept.has(modelId))) changes.push({ kind: 'models', path: at });
  return changes;
}

function modelChanges(before: ModelDeployment, after: ModelDeployment, path: string): SpecChange[] {
  const changes: SpecChange[] = [];
  const same =
    before.slug === after.slug &&
    before.provider === after.provider &&
    before.providerModelId === after.providerModelId;
  if (!same) changes.push({ kind: 'exchangedModel', path: `${path}.model_slug` });
  // Members stand in the order of their schema, wherever a spec comes from.
  if (JSON.stringify(before.engine) !== JSON.stringify(after.engine))
    changes.push({ kind: 'engine', path: `${path}.engine` });
  for (const [index, group] of after.accelerators.entries()) {
    const present = before.accelerators.find(({ acceleratorId }) => acceleratorId === group.acceleratorId);
    const where = `${path}.accelerators.${index}`;
    if (present?.slug !== group.slug || present.type !== group.type)
      changes.push({ kind: 'accelerators', path: where });
    else if (present.scale !== group.scale) changes.push({ kind: 'scale', path: `${where}.scale` });
  }
  const kept = new Set(after.accelerators.map(({ acceleratorId }) => acceleratorId));
  if (before.accelerators.some(({ acceleratorId }) => !kept.has(acceleratorId)))
    changes.push({ kind: 'accelerators', path: `${path}.accelerators` });
  return changes;
}
