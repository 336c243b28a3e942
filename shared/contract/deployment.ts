import { z } from 'zod';
import { gpuSizes } from './catalogue/catalog.ts';
import { regionSchema, uuidSchema } from './ids.ts';

/** What the management API is asked: DigitalOcean's shapes, both dialects accepted. */

/** Where endpoints live. */
export const collectionPath = '/v2/dedicated-inferences';

/** One endpoint. */
export const itemPath = '/v2/dedicated-inferences/{id}';

/** Where the key is that clients seal secrets to. */
export const sealingKeyPath = `${collectionPath}/sealing-key`;

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
  engine: `${itemPath}/engine`,
  routing: `${itemPath}/routing`,
  tokens: `${itemPath}/tokens`,
  token: `${itemPath}/tokens/{token_id}`,
  rotation: `${itemPath}/tokens/{token_id}/rotate`,
} as const;

/** Most replicas of one accelerator group. */
export const scaleMax = 256;

/** What endpoints and tokens may be called. */
export const nameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[a-zA-Z0-9_-]+$/, 'may hold letters, digits, "_" and "-" only');

const endpointName = nameSchema.meta({
  description: 'Name of the endpoint, unique in the team; letters, digits, "_" and "-".',
  example: 'coding-assistant',
});

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

const readOver = z.unknown().optional().describe('From a reply; read over.');

/** Members that replies carry and that clients send back unchanged; they are read over. */
const echoed = {
  id: readOver,
  dedicated_inference_id: readOver,
  state: readOver,
  status: readOver,
  created_at: readOver,
  updated_at: readOver,
};

const acceleratorRequest = z
  .strictObject({
    ...echoed,
    accelerator_id: z.string().max(255).optional().describe('Which group this is, from a reply; a new one has none.'),
    scale: scaleSchema.meta({ description: 'Replicas of the model in this group.', example: 2 }),
    type: z.enum(['prefill_decode', 'prefill', 'decode']).meta({
      description: 'What its replicas do. `prefill` and `decode` come together.',
      example: 'prefill_decode',
    }),
    accelerator_slug: z.enum(sizeSlugs).meta({
      description: 'Size of the accelerators of one replica, from `/sizes`.',
      example: 'gpu-mi300x1-192gb',
    }),
  })
  .meta({ id: 'AcceleratorGroup', description: 'Equal replicas of a model.' });

const providerSchema = z
  .enum(['hugging_face', 'modelcatalog'])
  .describe('Where the weights come from. Hugging Face when left out.');

const modelRequest = z
  .strictObject({
    model_id: z.string().max(255).optional().describe('Which model this is, from a reply; a new one has none.'),
    model_slug: modelName.optional().meta({
      description: 'Name of the model, as clients send it in `model`; its `provider_model_id` when left out.',
      example: 'mistral/mistral-7b-instruct-v3',
    }),
    model_provider: providerSchema.default('hugging_face'),
    provider_model_id: modelName.optional().meta({
      description: 'Name of the model at its provider; its `model_slug` when left out.',
      example: 'mistralai/Mistral-7B-Instruct-v0.3',
    }),
    workload_config: z.looseObject({}).nullable().optional().describe('Holds nothing yet: empty or left out.'),
    accelerators: z.array(acceleratorRequest).min(1).max(8).describe('Groups of equal replicas.'),
  })
  .meta({ id: 'ModelDeployment', description: 'A model, and what it runs on.' });

const vpcRequest = z.strictObject({
  uuid: z
    .union([uuidSchema, z.literal('')])
    .describe('Id of a VPC of the team; empty takes the default of the region.'),
});

const specRequest = z
  .strictObject({
    ...echoed,
    vpc_config: readOver,
    version: z.int().min(0).optional().describe('From a reply; read over.'),
    name: endpointName,
    region: regionSchema.describe('Where the endpoint is; this stays.'),
    vpc: vpcRequest.nullable().optional().describe('The network of the endpoint; this stays.'),
    enable_public_endpoint: z
      .boolean()
      .default(true)
      .describe('Whether the endpoint has an address outside of its VPC, too; this stays.'),
    model_deployments: z.array(modelRequest).min(1).max(8).describe('The models that it serves.'),
  })
  .meta({ id: 'Spec', description: 'What is wanted.' });

const secretLine = z
  .string()
  .max(512)
  .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without spaces');

const sealedRequest = z
  .strictObject({
    key_id: z.string().max(64).describe('Which key it is sealed to, from the sealing key.'),
    enc: z
      .string()
      .regex(/^[\w-]{43}$/, 'must be 32 bytes in base64url')
      .describe('The encapsulated key, base64url.'),
    ct: z
      .string()
      .regex(/^[\w-]{23,704}$/, 'must be 17 to 528 bytes in base64url')
      .describe('The sealed secret, base64url.'),
  })
  .meta({ id: 'SealedSecret', description: 'A secret that the client has sealed to the key of the region (HPKE).' });

/** A secret as a client seals it. */
export type SealedRequest = z.infer<typeof sealedRequest>;

const secretsOf = (description: string) =>
  z
    .strictObject({
      hugging_face_token: secretLine
        .optional()
        .describe('Token for gated models of Hugging Face. It is stored sealed, and no reply shows it.'),
      sealed_hugging_face_token: sealedRequest
        .optional()
        .describe('The same, sealed by the client to the sealing key of the region.'),
    })
    .refine(
      ({ hugging_face_token: plain, sealed_hugging_face_token: sealed }) => !plain || sealed === undefined,
      'holds the token twice: give hugging_face_token or sealed_hugging_face_token',
    )
    .nullable()
    .optional()
    .describe(description);

const secrets = {
  access_tokens: secretsOf('Secrets for the providers of models.'),
  secrets: secretsOf('The same under the name by which DigitalOcean’s Go client sends it.'),
};

/** Body of POST /v2/dedicated-inferences; `secrets` is godo's name of `access_tokens`. */
export const createRequestSchema = z
  .strictObject({ spec: specRequest, ...secrets })
  .meta({ id: 'CreateDedicatedInference', description: 'An endpoint as asked for.' });

/** A create as validated. */
export type CreateRequest = z.infer<typeof createRequestSchema>;

/** Body of PATCH /v2/dedicated-inferences/{id}: whole or in part; what is absent stays. */
export const patchRequestSchema = z
  .strictObject({
    spec: z
      .strictObject({
        ...specRequest.shape,
        version: specRequest.shape.version.describe(
          'The version that was read, or the one after it: another one is refused with 409. 0 is as left out.',
        ),
        name: endpointName.optional(),
        region: specRequest.shape.region.optional(),
        enable_public_endpoint: z.boolean().optional().describe('As it is: this stays.'),
        model_deployments: z
          .array(z.strictObject({ ...modelRequest.shape, model_provider: providerSchema.optional() }))
          .min(1)
          .max(8)
          .optional()
          .describe('All models that it is to serve: one that is left out is removed.'),
      })
      .optional()
      .describe('What is to change; what is left out stays.'),
    ...secrets,
  })
  .meta({ id: 'UpdateDedicatedInference', description: 'A change of an endpoint.' });

/** A change as validated. */
export type PatchRequest = z.infer<typeof patchRequestSchema>;

/** A number of a query, in digits alone: other texts that JavaScript takes for numbers (blanks, `1e3`) are none. */
const queryCount = (least: number, most: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z.int('must be a whole number').min(least).max(most),
  );

/** Which page of a list; numbers arrive as text. */
export const pageQuerySchema = z.object({
  page: queryCount(1, 1_000_000).default(1).describe('Which page, from 1.'),
  per_page: queryCount(1, 200).default(20).describe('Items of one page.'),
});

/** A page as validated. */
export type PageQuery = z.infer<typeof pageQuerySchema>;

/** Query of the sealing key. */
export const sealingKeyQuerySchema = z.object({
  region: regionSchema.optional().describe('Whose key; that of the first region when left out.'),
});

/** Query of an endpoint's accelerators. */
export const acceleratorsQuerySchema = pageQuerySchema.extend({
  slug: z.string().max(255).optional().describe('Those of this size alone.'),
});

/** Their query as validated. */
export type AcceleratorsQuery = z.infer<typeof acceleratorsQuerySchema>;

/** Query of a list of endpoints. */
export const listQuerySchema = pageQuerySchema.extend({
  region: regionSchema.optional().describe('Those of this region alone.'),
  name: z.string().max(255).optional().describe('The one of this name alone.'),
  after: z
    .string()
    .max(80)
    .regex(/^\d{4}-[\d-]+T[\d:.]+Z_[0-9a-f-]{36}$/, 'must be taken from a link to the next page')
    .optional()
    .describe('What the page begins behind: a creation time and an id, as the link to the next page has them.'),
});

/** A list's query as validated. */
export type ListQuery = z.infer<typeof listQuerySchema>;

/** A timeline's query: what comes behind the event with that id, oldest first. */
export const eventsQuerySchema = z.object({
  after: queryCount(0, Number.MAX_SAFE_INTEGER).default(0).describe('Id of the event that the page begins behind.'),
  per_page: queryCount(1, 200).default(50).describe('Events of one page.'),
});

/** A timeline's query as validated. */
export type EventsQuery = z.infer<typeof eventsQuerySchema>;
