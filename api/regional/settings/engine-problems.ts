import { modelConfig } from '#shared/contract/catalogue/catalog.ts';
import {
  engineOffers,
  isOlder,
  unservedGpu,
  type EngineArguments,
  type EngineName,
} from '#shared/contract/catalogue/engines.ts';
import { misfit } from '#shared/contract/catalogue/fit.ts';
import type { ModelDeployment, SpecDocument } from '#shared/contract/desired.ts';
import type { InputProblem } from '#shared/contract/errors.ts';
import type { EngineRequest } from '#shared/contract/parts.ts';

type Asked = EngineRequest['engines'][number];

/** Everything that is wrong with engine settings for the models of an endpoint, beside the forms of their values. Pure. */
export function engineProblems({ engines }: EngineRequest, present: SpecDocument): InputProblem[] {
  const named = engines.map(({ model_id: id }) => id);
  const problems = engines.flatMap((asked, index): InputProblem[] => {
    const at = `engines.${index}`;
    const model = present.deployments.find(({ modelId }) => modelId === asked.model_id);
    if (model === undefined) return [{ path: `${at}.model_id`, message: 'is no model of this endpoint' }];
    if (named.indexOf(asked.model_id) < index) return [{ path: `${at}.model_id`, message: 'is named twice' }];
    return [
      ...(asked.engine === undefined ? unnamed(asked, at) : ofEngine(asked, asked.engine, { model, at })),
      ...contextProblems(asked.context_tokens, { model, region: present.region, path: `${at}.context_tokens` }),
    ];
  });
  const others = present.deployments.filter(({ modelId }) => !named.includes(modelId));
  const left = others.flatMap((model) =>
    contextProblems(undefined, { model, region: present.region, path: 'engines' }),
  );
  return [...problems, ...left];
}

function unnamed({ version, arguments: given }: Asked, at: string): InputProblem[] {
  const message = 'is of one engine: give engine, too';
  return [
    ...(version === undefined ? [] : [{ path: `${at}.version`, message }]),
    ...(given === undefined || Object.keys(given).length === 0 ? [] : [{ path: `${at}.arguments`, message }]),
  ];
}

function ofEngine(
  { version, arguments: given = {} }: Asked,
  engine: EngineName,
  { model, at }: { model: ModelDeployment; at: string },
): InputProblem[] {
  const offer = engineOffers[engine];
  const problems: InputProblem[] = model.accelerators.flatMap(({ slug }) => {
    const why = unservedGpu(engine, slug);
    return why === null ? [] : [{ path: `${at}.engine`, message: `cannot serve this model: ${slug} ${why}` }];
  });
  if (engine === 'sglang' && model.slug.includes(':'))
    problems.push({ path: `${at}.engine`, message: `serves no model whose name has ":" in it, such as ${model.slug}` });
  if (version !== undefined && !offer.versionForm.test(version))
    problems.push({ path: `${at}.version`, message: `is no version of ${engine}, such as ${offer.oldest.version}` });
  else if (version !== undefined && isOlder(version, offer.oldest.version))
    problems.push({
      path: `${at}.version`,
      message: `must be ${offer.oldest.version} or later: ${offer.oldest.why}`,
    });
  for (const [name, value] of Object.entries(given)) {
    const path = `${at}.arguments.${name}`;
    const values = offer.arguments[name as keyof EngineArguments];
    if (values === undefined) problems.push({ path, message: `is no argument of ${engine}` });
    else if (values !== 'all' && !values.includes(String(value)))
      problems.push({ path, message: `must be one of ${values.join(', ')} for ${engine}` });
  }
  return problems;
}

/** What a change of the context comes to on the GPUs that the model has; one that stays as it is has shown that it can. */
function contextProblems(
  contextTokens: number | undefined,
  { model, region, path }: { model: ModelDeployment; region: SpecDocument['region']; path: string },
): InputProblem[] {
  if (contextTokens === model.engine?.contextTokens) return [];
  const most = modelConfig(model.providerModelId)?.contextTokensMax ?? Number.POSITIVE_INFINITY;
  if (contextTokens !== undefined && contextTokens > most)
    return [{ path, message: `is more than the ${most} tokens that ${model.slug} can have` }];
  return model.accelerators.flatMap(({ slug }) => {
    const why = misfit(model.providerModelId, slug, { region, contextTokens });
    return why === null ? [] : [{ path, message: `cannot be: ${slug} ${why}` }];
  });
}
