import { z } from 'zod';
import { gpuSizes } from './catalog.ts';
import { regionSchema, uuidSchema } from './ids.ts';
import { wireStatuses } from './lifecycle.ts';
import { phases } from './status.ts';

/** The management API's wire shapes: DigitalOcean's, both dialects accepted, the union emitted. */

/** Most replicas of one accelerator group. */
export const scaleMax = 256;

const nameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[a-zA-Z0-9_-]+$/, 'may hold letters, digits, "_" and "-" only');

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
  model_slug: z.string().max(255).optional().meta({ example: 'mistral/mistral-7b-instruct-v3' }),
  model_provider: z.enum(['hugging_face', 'modelcatalog']).default('hugging_face'),
  provider_model_id: z.string().max(255).optional(),
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

const secretsRequest = z
  .strictObject({ hugging_face_token: z.string().max(512).optional() })
  .nullable()
  .optional();

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

const acceleratorReply = z.object({
  accelerator_id: uuidSchema,
  accelerator_slug: z.string(),
  type: z.string(),
  scale: z.int(),
  state: z.string(),
  status: z.string(),
});

const modelReply = z.object({
  model_id: uuidSchema,
  model_slug: z.string(),
  model_provider: z.string(),
  provider_model_id: z.string(),
  workload_config: z.object({}),
  accelerators: z.array(acceleratorReply),
});

const specReply = z.object({
  id: uuidSchema,
  dedicated_inference_id: uuidSchema,
  version: z.int(),
  name: z.string(),
  region: regionSchema,
  state: z.string(),
  status: z.string(),
  enable_public_endpoint: z.boolean(),
  vpc: z.object({ uuid: uuidSchema }),
  vpc_config: z.object({ vpc_uuid: uuidSchema }),
  model_deployments: z.array(modelReply),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

/** A spec inside a reply. */
export type SpecReply = z.infer<typeof specReply>;

const conditionReply = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
  last_transition_time: z.iso.datetime(),
});

/** The resource that clients see: `project(lastSpec, lastStatus)`. */
export const dedicatedInferenceSchema = z
  .object({
    id: uuidSchema,
    name: z.string(),
    region: regionSchema,
    status: z.enum(wireStatuses),
    vpc_uuid: uuidSchema,
    spec: specReply.optional(),
    pending_deployment_spec: specReply.optional(),
    endpoints: z
      .object({ public_endpoint_fqdn: z.string().optional(), private_endpoint_fqdn: z.string().optional() })
      .optional(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    revision: z.int(),
    observed_revision: z.int(),
    lifecycle_seq: z.int(),
    phase: z.enum(phases),
    phase_since: z.iso.datetime().optional(),
    reason: z.string(),
    message: z.string(),
    conditions: z.array(conditionReply),
    replicas: z.object({ desired: z.int(), ready: z.int() }),
    last_rejection: z
      .object({ revision: z.int(), reason: z.string(), message: z.string(), hint: z.string(), at: z.iso.datetime() })
      .optional(),
  })
  .meta({ id: 'DedicatedInference' });

/** The resource of one endpoint. */
export type DedicatedInference = z.infer<typeof dedicatedInferenceSchema>;

/** A data-plane token in a reply; `value` only once. */
export const tokenReplySchema = z
  .object({
    id: uuidSchema,
    name: z.string(),
    value: z.string().optional(),
    is_managed: z.boolean(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'DedicatedInferenceToken' });

/** Reply of a create. */
export const createReplySchema = z.object({ dedicated_inference: dedicatedInferenceSchema, token: tokenReplySchema });

/** What a create answers. */
export type CreateReply = z.infer<typeof createReplySchema>;

/** Reply of get and patch. */
export const resourceReplySchema = z.object({ dedicated_inference: dedicatedInferenceSchema });

/** Query of a list; numbers arrive as text. */
export const listQuerySchema = z.object({
  region: regionSchema.optional(),
  name: z.string().max(255).optional(),
  page: z.coerce.number().int().min(1).default(1),
  per_page: z.coerce.number().int().min(1).max(200).default(20),
});

/** A list's query as validated. */
export type ListQuery = z.infer<typeof listQuerySchema>;

const pagesSchema = z.object({
  first: z.string().optional(),
  prev: z.string().optional(),
  next: z.string().optional(),
  last: z.string().optional(),
});

/** Reply of a list. Items are whole resources with DigitalOcean's list-only member `provider_model_id` (an array). */
export const listReplySchema = z.object({
  dedicated_inferences: z.array(dedicatedInferenceSchema.extend({ provider_model_id: z.array(z.string()) })),
  links: z.object({ pages: pagesSchema.optional() }),
  meta: z.object({ total: z.int() }),
});

/** What a list answers. */
export type ListReply = z.infer<typeof listReplySchema>;

/** Every error of the management API: DigitalOcean's three members, and what a person needs beside them. */
export const errorReplySchema = z
  .object({
    id: z.string(),
    message: z.string(),
    request_id: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Error' });

/** An error as clients see it. */
export type ErrorReply = z.infer<typeof errorReplySchema>;
