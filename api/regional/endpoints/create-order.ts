import { gpuSize } from '#shared/contract/catalogue/catalog.ts';
import { misfit } from '#shared/contract/catalogue/fit.ts';
import { createRequestSchema, type CreateRequest, type SealedRequest } from '#shared/contract/deployment.ts';
import { AppError, type InputProblem } from '#shared/contract/errors.ts';
import type { Region } from '#shared/contract/ids.ts';
import { inputProblems } from '../../http/read-input.ts';
import { z } from 'zod';

/** A create, with both dialects and all defaults resolved: equal orders mean equal requests. */
export interface CreateOrder {
  name: string;
  /** Null takes the region's default. */
  vpcId: string | null;
  enablePublicEndpoint: boolean;
  deployments: {
    slug: string;
    provider: 'hugging_face' | 'modelcatalog';
    providerModelId: string;
    accelerators: { slug: string; type: 'prefill_decode' | 'prefill' | 'decode'; scale: number }[];
  }[];
  /** In plain, or as the client has sealed it. */
  huggingFaceToken: string | SealedRequest | null;
}

/**
 * Reads the body of a create whole.
 * @throws AppError `unprocessable` with every problem at once.
 */
export function readCreateOrder(body: unknown, region: Region): CreateOrder {
  const request = createRequestSchema.safeParse(body);
  const problems = [...(request.success ? [] : inputProblems(request.error)), ...meaningProblems(body, region)];
  if (!request.success || problems.length > 0) throw new AppError('unprocessable', { problems });
  return orderOf(request.data);
}

function orderOf({ spec, access_tokens: tokens, secrets }: CreateRequest): CreateOrder {
  return {
    name: spec.name,
    vpcId: spec.vpc?.uuid ? spec.vpc.uuid : null,
    enablePublicEndpoint: spec.enable_public_endpoint,
    deployments: spec.model_deployments.map((model) => ({
      slug: model.model_slug || model.provider_model_id || '',
      provider: model.model_provider,
      providerModelId: model.provider_model_id || model.model_slug || '',
      accelerators: model.accelerators.map(({ accelerator_slug: slug, type, scale }) => ({ slug, type, scale })),
    })),
    huggingFaceToken: huggingFaceTokenOf({ access_tokens: tokens, secrets }),
  };
}

/** The Hugging Face token of a request, under either name; null for none. */
export function huggingFaceTokenOf(
  request: Pick<CreateRequest, 'access_tokens' | 'secrets'>,
): CreateOrder['huggingFaceToken'] {
  const given = [request.access_tokens, request.secrets];
  const plain = given.map((one) => one?.hugging_face_token).find(Boolean);
  return plain ?? given.map((one) => one?.sealed_hugging_face_token).find(Boolean) ?? null;
}

const text = z.string().optional().catch(undefined);

/** What the checks of meaning read: everything optional, so that they run beside the schema's own problems. */
const probeSchema = z
  .object({
    spec: z
      .object({
        region: text,
        model_deployments: z
          .array(
            z
              .object({
                model_slug: text,
                provider_model_id: text,
                workload_config: z.record(z.string(), z.unknown()).nullish().catch(undefined),
                accelerators: z.array(z.object({ accelerator_slug: text, type: text }).catch({})).catch([]),
              })
              .catch({ accelerators: [] }),
          )
          .catch([]),
      })
      .catch({ model_deployments: [] }),
  })
  .catch({ spec: { model_deployments: [] } });

type ProbedModel = z.infer<typeof probeSchema>['spec']['model_deployments'][number];

function meaningProblems(body: unknown, region: Region): InputProblem[] {
  const { spec } = probeSchema.parse(body);
  const problems: InputProblem[] = [];
  if (spec.region !== undefined && spec.region !== region)
    problems.push({
      path: 'spec.region',
      message: `this is region ${region}; send the request to the region it names`,
    });
  const names = new Set<string>();
  for (const [index, model] of spec.model_deployments.entries()) {
    const path = `spec.model_deployments.${index}`;
    const name = model.model_slug || model.provider_model_id || '';
    if (name === '') problems.push({ path: `${path}.model_slug`, message: 'give model_slug or provider_model_id' });
    else if (names.has(name)) problems.push({ path: `${path}.model_slug`, message: `${name} is deployed twice` });
    names.add(name);
    problems.push(...modelProblems(model, path, region));
    for (const [position, { accelerator_slug: size }] of model.accelerators.entries()) {
      const why = misfit(model.provider_model_id || name, size ?? '', { region });
      if (why !== null) problems.push({ path: `${path}.accelerators.${position}.accelerator_slug`, message: why });
    }
  }
  return problems;
}

/** What is wrong with a model beside the forms of its values. */
export function modelProblems(model: ProbedModel, path: string, region: Region): InputProblem[] {
  const problems: InputProblem[] = [];
  if (Object.keys(model.workload_config ?? {}).length > 0)
    problems.push({
      path: `${path}.workload_config`,
      message: 'holds nothing that this version knows; leave it empty',
    });
  const types = model.accelerators.map(({ type }) => type);
  if (types.includes('prefill') !== types.includes('decode'))
    problems.push({ path: `${path}.accelerators`, message: 'prefill and decode come together' });
  for (const [index, { accelerator_slug: slug }] of model.accelerators.entries()) {
    const size = slug === undefined ? undefined : gpuSize(slug);
    if (size !== undefined && !size.regions.includes(region))
      problems.push({
        path: `${path}.accelerators.${index}.accelerator_slug`,
        message: `${slug} is not offered in ${region}`,
      });
  }
  return problems;
}
