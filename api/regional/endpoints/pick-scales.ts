import type { PatchRequest } from '#shared/contract/deployment.ts';
import type { ModelDeployment, SpecDocument } from '#shared/contract/desired.ts';
import type { InputProblem } from '#shared/contract/errors.ts';

/** The deployments with their new replica counts, or why the request cannot be taken. */
export type ScalePick = { deployments: ModelDeployment[]; changed: boolean } | { problems: InputProblem[] };

type PatchSpec = NonNullable<PatchRequest['spec']>;
type PatchModel = NonNullable<PatchSpec['model_deployments']>[number];
type PatchGroup = PatchModel['accelerators'][number];
type Group = ModelDeployment['accelerators'][number];

const rule = 'only scale can be changed in this version';

/**
 * What a PATCH asks of a spec. Replica counts may differ; every other value that is given must be the present one, since
 * DigitalOcean's clients send the whole spec back. Models and accelerators are matched by id, else by place or slug.
 */
export function pickScales(request: PatchRequest, spec: SpecDocument): ScalePick {
  const problems = settingProblems(request, spec);
  const wanted = request.spec?.model_deployments;
  const deployments = wanted === undefined ? spec.deployments : matchModels(wanted, spec.deployments, problems);
  if (problems.length > 0) return { problems };
  return { deployments, changed: scalesOf(deployments) !== scalesOf(spec.deployments) };
}

function scalesOf(deployments: readonly ModelDeployment[]): string {
  return deployments.flatMap((model) => model.accelerators.map((group) => group.scale)).join();
}

function settingProblems({ spec: wanted, access_tokens, secrets }: PatchRequest, spec: SpecDocument): InputProblem[] {
  const problems: InputProblem[] = [];
  const same = (path: string, given: unknown, present: unknown): void => {
    if (given === undefined || given === null || given === '' || given === present) return;
    problems.push({ path, message: `is ${String(present)} and stays so: ${rule}` });
  };
  same('spec.name', wanted?.name, spec.name);
  same('spec.region', wanted?.region, spec.region);
  same('spec.vpc.uuid', wanted?.vpc?.uuid, spec.vpcId);
  same('spec.enable_public_endpoint', wanted?.enable_public_endpoint, spec.enablePublicEndpoint);
  for (const [path, tokens] of Object.entries({ access_tokens, secrets }))
    if (tokens?.hugging_face_token)
      problems.push({ path: `${path}.hugging_face_token`, message: `cannot be replaced: ${rule}` });
  return problems;
}

function matchModels(
  wanted: readonly PatchModel[],
  present: readonly ModelDeployment[],
  problems: InputProblem[],
): ModelDeployment[] {
  const at = 'spec.model_deployments';
  const taken = new Map<ModelDeployment, ModelDeployment>();
  for (const [index, model] of wanted.entries()) {
    const path = `${at}.${index}`;
    const free = present.filter((candidate) => !taken.has(candidate));
    const found = findModel(model, free, present[index]);
    if (found === undefined) {
      problems.push({ path, message: `is no model of this endpoint, and none can be added: ${rule}` });
      continue;
    }
    problems.push(...modelProblems(model, found, path));
    const accelerators = matchGroups(model.accelerators, found.accelerators, { path, problems });
    taken.set(found, { ...found, accelerators });
  }
  for (const model of present.filter((candidate) => !taken.has(candidate)))
    if (wanted.length < present.length)
      problems.push({ path: at, message: `leaves out ${model.slug}, which cannot be removed: ${rule}` });
  return present.map((model) => taken.get(model) ?? model);
}

function findModel(
  wanted: PatchModel,
  free: readonly ModelDeployment[],
  inPlace: ModelDeployment | undefined,
): ModelDeployment | undefined {
  if (wanted.model_id) return free.find(({ modelId }) => modelId === wanted.model_id?.toLowerCase());
  const fits = ({ slug, providerModelId }: ModelDeployment): boolean =>
    (!wanted.model_slug || [slug, providerModelId].includes(wanted.model_slug)) &&
    (!wanted.provider_model_id || [slug, providerModelId].includes(wanted.provider_model_id));
  if (inPlace !== undefined && free.includes(inPlace) && fits(inPlace)) return inPlace;
  return free.find(fits);
}

function modelProblems(wanted: PatchModel, present: ModelDeployment, path: string): InputProblem[] {
  const problems: InputProblem[] = [];
  const same = (field: string, given: string | undefined, allowed: readonly string[]): void => {
    if (given && !allowed.includes(given))
      problems.push({ path: `${path}.${field}`, message: `is ${allowed[0]} and stays so: ${rule}` });
  };
  same('model_slug', wanted.model_slug, [present.slug]);
  same('provider_model_id', wanted.provider_model_id, [present.providerModelId]);
  same('model_provider', wanted.model_provider, [present.provider]);
  if (Object.keys(wanted.workload_config ?? {}).length > 0)
    problems.push({ path: `${path}.workload_config`, message: `is empty and stays so: ${rule}` });
  return problems;
}

function matchGroups(
  wanted: readonly PatchGroup[],
  present: readonly Group[],
  { path, problems }: { path: string; problems: InputProblem[] },
): Group[] {
  const taken = new Map<Group, Group>();
  for (const [index, group] of wanted.entries()) {
    const free = present.filter((candidate) => !taken.has(candidate));
    const found = findGroup(group, free, present[index]);
    if (found === undefined)
      problems.push({
        path: `${path}.accelerators.${index}`,
        message: `is no accelerator of this model, and none can be added or exchanged: ${rule}`,
      });
    else taken.set(found, { ...found, scale: group.scale });
  }
  if (wanted.length < present.length)
    problems.push({
      path: `${path}.accelerators`,
      message: `leaves out an accelerator, which cannot be removed: ${rule}`,
    });
  return present.map((group) => taken.get(group) ?? group);
}

function findGroup(wanted: PatchGroup, free: readonly Group[], inPlace: Group | undefined): Group | undefined {
  const fits = ({ slug, type }: Group): boolean => slug === wanted.accelerator_slug && type === wanted.type;
  if (wanted.accelerator_id) {
    const named = free.find(({ acceleratorId }) => acceleratorId === wanted.accelerator_id?.toLowerCase());
    return named !== undefined && fits(named) ? named : undefined;
  }
  if (inPlace !== undefined && free.includes(inPlace) && fits(inPlace)) return inPlace;
  return free.find(fits);
}
