import type { PatchRequest } from '#shared/contract/deployment.ts';
import type { ModelDeployment, SpecDocument } from '#shared/contract/desired.ts';
import type { InputProblem } from '#shared/contract/errors.ts';
import { unservedGpu } from '#shared/contract/catalogue/engines.ts';
import { misfit } from '#shared/contract/catalogue/fit.ts';
import { notCarriedOut, specChanges, type ChangeKind, type SpecContent } from '#shared/contract/spec-changes.ts';
import { modelProblems } from './create-order.ts';

/** What a PATCH makes of a spec and in what it differs, or why it cannot be taken. */
export type SpecChangeResult = { content: SpecContent; kinds: ReadonlySet<ChangeKind> } | { problems: InputProblem[] };

type PatchSpec = NonNullable<PatchRequest['spec']>;
type PatchModel = NonNullable<PatchSpec['model_deployments']>[number];
type PatchGroup = PatchModel['accelerators'][number];
type Group = ModelDeployment['accelerators'][number];

/** Makes the id of a part that is new: the same one for the same change. */
export type PartId = (part: string) => string;

const at = 'spec.model_deployments';

/**
 * What a PATCH asks of a spec. What is left out stays; a list of models is the whole list: who is not in it goes. Models and
 * accelerators are known by their id, else by place and name, so that clients which send the list without ids (doctl, DoTs)
 * replace nothing that they want to keep.
 */
export function changeSpec({ spec: wanted }: PatchRequest, present: SpecDocument, partId: PartId): SpecChangeResult {
  const problems: InputProblem[] = [];
  const same = (path: string, given: string | null | undefined, value: string): void => {
    if (given && given !== value) problems.push({ path, message: `is ${value} and stays so` });
  };
  same('spec.region', wanted?.region, present.region);
  same('spec.vpc.uuid', wanted?.vpc?.uuid, present.vpcId);
  const models = wanted?.model_deployments;
  const content: SpecContent = {
    name: wanted?.name ?? present.name,
    enablePublicEndpoint: wanted?.enable_public_endpoint ?? present.enablePublicEndpoint,
    deployments:
      models === undefined ? present.deployments : matchModels(models, present.deployments, { partId, problems }),
  };
  for (const [index, model] of (models ?? []).entries())
    problems.push(...modelProblems(model, `${at}.${index}`, present.region));
  problems.push(...newMisfits(present, content));
  const changes = specChanges(present, content);
  for (const { kind, path } of changes) {
    const why = notCarriedOut[kind];
    if (why !== null) problems.push({ path, message: why });
  }
  return problems.length > 0 ? { problems } : { content, kinds: new Set(changes.map(({ kind }) => kind)) };
}

/** Groups that the change brings and that their model does not fit; one that is there has shown what it can. */
function newMisfits({ deployments, region }: SpecDocument, content: SpecContent): InputProblem[] {
  const present = new Set(deployments.flatMap(({ accelerators }) => accelerators.map((group) => group.acceleratorId)));
  return content.deployments.flatMap(({ providerModelId, engine, accelerators }, index) =>
    accelerators.flatMap(({ acceleratorId, slug }, position) => {
      if (present.has(acceleratorId)) return [];
      const message =
        unservedGpu(engine?.engine, slug) ??
        misfit(providerModelId, slug, { region, contextTokens: engine?.contextTokens });
      if (message === null) return [];
      return [{ path: `${at}.${index}.accelerators.${position}.accelerator_slug`, message }];
    }),
  );
}

interface Matching {
  partId: PartId;
  problems: InputProblem[];
}

function matchModels(
  wanted: readonly PatchModel[],
  present: readonly ModelDeployment[],
  matching: Matching,
): ModelDeployment[] {
  const taken = new Set<ModelDeployment>();
  const names = new Set<string>();
  return wanted.map((model, index) => {
    const path = `${at}.${index}`;
    const free = present.filter((candidate) => !taken.has(candidate));
    const found = findModel(model, free, present[index]);
    if (found !== undefined) taken.add(found);
    else if (model.model_id)
      matching.problems.push({
        path: `${path}.model_id`,
        message: 'is no model of this endpoint; leave it out to add one',
      });
    const next = nextModel(model, found, { ...matching, index });
    if (next.slug === '')
      matching.problems.push({ path: `${path}.model_slug`, message: 'give model_slug or provider_model_id' });
    else if (names.has(next.slug))
      matching.problems.push({ path: `${path}.model_slug`, message: `${next.slug} is deployed twice` });
    names.add(next.slug);
    return next;
  });
}

function nextModel(
  wanted: PatchModel,
  found: ModelDeployment | undefined,
  { partId, problems, index }: Matching & { index: number },
): ModelDeployment {
  const named = found === undefined || !isNamed(wanted, found);
  const slug = wanted.model_slug || wanted.provider_model_id || '';
  const providerModelId = wanted.provider_model_id || wanted.model_slug || '';
  const part = (position: number): string => partId(`accelerator:${index}:${position}`);
  return {
    modelId: found?.modelId ?? partId(`model:${index}`),
    ...(named ? { slug, providerModelId } : { slug: found.slug, providerModelId: found.providerModelId }),
    provider: wanted.model_provider ?? found?.provider ?? 'hugging_face',
    accelerators: matchGroups(wanted.accelerators, found?.accelerators ?? [], {
      partId: part,
      problems,
      path: `${at}.${index}.accelerators`,
    }),
    ...(found?.engine !== undefined && { engine: found.engine }),
  };
}

/** True when the names that are given, if any, are the model's own. */
function isNamed(wanted: PatchModel, { slug, providerModelId }: ModelDeployment): boolean {
  return [wanted.model_slug, wanted.provider_model_id].every((name) => !name || [slug, providerModelId].includes(name));
}

function findModel(
  wanted: PatchModel,
  free: readonly ModelDeployment[],
  inPlace: ModelDeployment | undefined,
): ModelDeployment | undefined {
  if (wanted.model_id) return free.find(({ modelId }) => modelId === wanted.model_id?.toLowerCase());
  if (inPlace !== undefined && free.includes(inPlace) && isNamed(wanted, inPlace)) return inPlace;
  return free.find((candidate) => isNamed(wanted, candidate));
}

function matchGroups(
  wanted: readonly PatchGroup[],
  present: readonly Group[],
  { partId, problems, path }: { partId: (position: number) => string; problems: InputProblem[]; path: string },
): Group[] {
  const taken = new Set<Group>();
  return wanted.map((group, index) => {
    const free = present.filter((candidate) => !taken.has(candidate));
    const found = findGroup(group, free, present[index]);
    if (found !== undefined) taken.add(found);
    else if (group.accelerator_id)
      problems.push({
        path: `${path}.${index}.accelerator_id`,
        message: 'is no accelerator of this model; leave it out to add one',
      });
    const { accelerator_slug: slug, type, scale } = group;
    // One of another size or role is another one: its replicas are replaced.
    const kept = found?.slug === slug && found.type === type ? found.acceleratorId : partId(index);
    return { acceleratorId: kept, slug, type, scale };
  });
}

function findGroup(wanted: PatchGroup, free: readonly Group[], inPlace: Group | undefined): Group | undefined {
  if (wanted.accelerator_id)
    return free.find(({ acceleratorId }) => acceleratorId === wanted.accelerator_id?.toLowerCase());
  const fits = ({ slug, type }: Group): boolean => slug === wanted.accelerator_slug && type === wanted.type;
  if (inPlace !== undefined && free.includes(inPlace) && fits(inPlace)) return inPlace;
  return free.find(fits);
}
