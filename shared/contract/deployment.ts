import { z } from 'zod';
import { gpuSizes } from './catalog.ts';
import { regionSchema, uuidSchema } from './ids.ts';

/** What the management API is asked: DigitalOcean's shapes, both dialects accepted. */

/** Where endpoints live. */
export const collectionPath = '/v2/dedicated-inferences';

/** One endpoint. */
export const itemPath = '/v2/dedicated-inferences/{id}';

/** What belongs to no endpoint: prices, and which models go on which accelerators. */
export const cataloguePaths = {
  sizes: `${collectionPath}/sizes`,
  gpuModelConfig: `${collectionPath}/gpu-model-config`,
} as const;

/** The timeline of one endpoint. */
export const eventsPath = `${itemPath}/events`;

/** What belongs to one endpoint. */
export const partPaths = {
  accelerators: `${itemPath}/accelerators`,
  accelerator: `${itemPath}/accelerators/{accelerator_id}`,
  ca: `${itemPath}/ca`,
  routing: `${itemPath}/routing`,
  tokens: `${itemPath}/tokens`,
  token: `${itemPath}/tokens/{token_id}`,
} as const;

/** Most replicas of one accelerator group. */
export const scaleMax = 256;

const nameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[a-zA-Z0-9_-]+$/, 'may hold letters, digits, "_" and "-" only');

/**
 * Names of models: what Hugging Face and the catalogue have, with a tag or a revision at most. They end in command lines,
 * labels and paths, so that nothing may look like an option, a parent folder or a second line.
 */
const modelName = z
  .string()
  .max(255)
  .regex(
    /^$|^[A-Za-z0-9][\w-]*(\.[\w-]+)*(\/[A-Za-z0-9][\w-]*(\.[\w-]+)*){0,3}([:@][A-Za-z0-9][\w-]*(\.[\w-]+)*)?$/,
    'must be up to four parts with "/" between them, each of letters, digits, "_", "-" and single dots, begun by a letter or a digit; then ":tag" or "@revision" may follow',
  );

const sizeSlugs = gpuSizes.map((size) => size.slug);

const scaleSchema = z.int().min(1, 'must be at least 1').max(scaleMax);

/** Members that replies carry and that clients send back unchanged; they are read over. */
const echoed = {
  id: z.unknown().optional(),
  dedicated_inference_id: z.unknown().optional(),
  state: z.unknown().optional(),
  status: z.unknown().optional(),
  created_at: z.unknown().optional(),
  updated_at: z.unknown().optional(),
};

const acceleratorRequest = z.strictObject({
  ...echoed,
  accelerator_id: z.string().optional(),
  scale: scaleSchema.meta({ example: 2 }),
  type: z.enum(['prefill_decode', 'prefill', 'decode']).meta({ example: 'prefill_decode' }),
  accelerator_slug: z.enum(sizeSlugs).meta({ example: 'gpu-mi300x1-192gb' }),
});

const modelRequest = z.strictObject({
  model_id: z.string().optional(),
  model_slug: modelName.optional().meta({ example: 'mistral/mistral-7b-instruct-v3' }),
  model_provider: z.enum(['hugging_face', 'modelcatalog']).default('hugging_face'),
  provider_model_id: modelName.optional(),
  workload_config: z.looseObject({}).nullable().optional(),
  accelerators: z.array(acceleratorRequest).min(1).max(8),
});

const vpcRequest = z.strictObject({ uuid: z.union([uuidSchema, z.literal('')]) });

const specRequest = z.strictObject({
  ...echoed,
  vpc_config: z.unknown().optional(),
  version: z.int().min(0).optional(),
  name: nameSchema.meta({ example: 'coding-assistant' }),
  region: regionSchema,
  vpc: vpcRequest.nullable().optional(),
  enable_public_endpoint: z.boolean().default(true),
  model_deployments: z.array(modelRequest).min(1).max(8),
});

const secretLine = z
  .string()
  .max(512)
  .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without spaces');

const secretsRequest = z.strictObject({ hugging_face_token: secretLine.optional() }).nullable().optional();

/** Body of POST /v2/dedicated-inferences; `secrets` is godo's name of `access_tokens`. */
export const createRequestSchema = z
  .strictObject({ spec: specRequest, access_tokens: secretsRequest, secrets: secretsRequest })
  .meta({ id: 'CreateDedicatedInference' });

/** A create as validated. */
export type CreateRequest = z.infer<typeof createRequestSchema>;

/** Body of PATCH /v2/dedicated-inferences/{id}: whole or in part; what is absent stays. */
export const patchRequestSchema = z
  .strictObject({
    spec: z
      .strictObject({
        ...specRequest.shape,
        name: nameSchema.optional(),
        region: regionSchema.optional(),
        enable_public_endpoint: z.boolean().optional(),
        model_deployments: z
          .array(
            z.strictObject({
              ...modelRequest.shape,
              model_provider: z.enum(['hugging_face', 'modelcatalog']).optional(),
            }),
          )
          .min(1)
          .max(8)
          .optional(),
      })
      .optional(),
    access_tokens: secretsRequest,
    secrets: secretsRequest,
  })
  .meta({ id: 'UpdateDedicatedInference' });

/** A change as validated. */
export type PatchRequest = z.infer<typeof patchRequestSchema>;

/** Body of POST /v2/dedicated-inferences/{id}/tokens. */
export const tokenRequestSchema = z
  .strictObject({
    name: nameSchema.meta({ example: 'continuous-integration' }),
    models: z.array(z.string().min(1).max(255)).min(1).max(32).optional(),
    expires_at: z.iso.datetime().optional(),
    networks: z
      .array(z.union([z.cidrv4(), z.cidrv6()]))
      .min(1)
      .max(32)
      .optional(),
    group: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, 'may hold letters, digits, "_" and "-" only')
      .optional(),
    flow_header: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a header name in lower case')
      .optional(),
  })
  .meta({ id: 'CreateDedicatedInferenceToken' });

/** A token as asked for. */
export type TokenRequest = z.infer<typeof tokenRequestSchema>;

/** Which page of a list; numbers arrive as text. */
export const pageQuerySchema = z.object({
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
  per_page: z.coerce.number().int().min(1).max(200).default(20),
});

/** A page as validated. */
export type PageQuery = z.infer<typeof pageQuerySchema>;

/** Query of an endpoint's accelerators. */
export const acceleratorsQuerySchema = pageQuerySchema.extend({ slug: z.string().max(255).optional() });

/** Their query as validated. */
export type AcceleratorsQuery = z.infer<typeof acceleratorsQuerySchema>;

/** Query of a list of endpoints. */
export const listQuerySchema = pageQuerySchema.extend({
  region: regionSchema.optional(),
  name: z.string().max(255).optional(),
  /** What the page begins behind: a creation time and an id, as the link to the next page has it. */
  after: z
    .string()
    .regex(/^\d{4}-[\d-]+T[\d:.]+Z_[0-9a-f-]{36}$/, 'must be taken from a link to the next page')
    .optional(),
});

/** A list's query as validated. */
export type ListQuery = z.infer<typeof listQuerySchema>;

/** A timeline's query: what comes behind the event with that id, oldest first. */
export const eventsQuerySchema = z.object({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  per_page: z.coerce.number().int().min(1).max(200).default(50),
});

/** A timeline's query as validated. */
export type EventsQuery = z.infer<typeof eventsQuerySchema>;
