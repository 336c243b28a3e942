import { z } from 'zod';
import { engineArgumentsSchema, engineNames } from './catalogue/engines.ts';
import { nameSchema } from './deployment.ts';
import { routingSchema } from './desired.ts';
import { regionSchema, uuidSchema } from './ids.ts';
import { linksSchema, listMetaSchema, tokenReplySchema } from './resource.ts';

/** What the management API answers about the parts of an endpoint and about the catalogue. */

/** A group of equal replicas; its id is the `accelerator_id` of the spec. */
export const acceleratorReplySchema = z
  .object({
    id: uuidSchema.describe('Id of the group: the `accelerator_id` of the spec.'),
    name: z.string().describe('Name of the group.'),
    slug: z.string().describe('Size of the accelerators of one replica.'),
    role: z.string().describe('What its replicas do.'),
    status: z.enum(['new', 'provisioning', 'active']).describe('How far it is.'),
    created_at: z.iso.datetime().describe('When it was created.'),
  })
  .meta({ id: 'DedicatedInferenceAccelerator', description: 'A group of equal replicas.' });

/** One accelerator. */
export type AcceleratorReply = z.infer<typeof acceleratorReplySchema>;

const listParts = { links: linksSchema, meta: listMetaSchema };

/** Reply of an endpoint's accelerators. */
export const acceleratorsReplySchema = z.object({
  accelerators: z.array(acceleratorReplySchema).describe('The groups of the page.'),
  ...listParts,
});

/** Body of POST /v2/dedicated-inferences/{id}/tokens. */
export const tokenRequestSchema = z
  .strictObject({
    name: nameSchema.meta({
      description: 'Name of the token, unique on its endpoint.',
      example: 'continuous-integration',
    }),
    models: z
      .array(z.string().min(1).max(255))
      .min(1)
      .max(32)
      .optional()
      .describe('Models that it may use; all when left out.'),
    expires_at: z.iso.datetime().optional().describe('From then on it is refused; never when left out.'),
    networks: z
      .array(z.union([z.cidrv4(), z.cidrv6()]))
      .min(1)
      .max(32)
      .optional()
      .describe('Networks that it may be used from (CIDR); everywhere when left out.'),
    group: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, 'may hold letters, digits, "_" and "-" only')
      .optional()
      .describe('Tokens of one group share caches and stored responses; one group for all when left out.'),
    flow_header: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a header name in lower case')
      .optional()
      .describe('Many people use this token: the request header that tells them apart where requests take turns.'),
  })
  .meta({ id: 'CreateDedicatedInferenceToken', description: 'A token as asked for.' });

/** A token as asked for. */
export type TokenRequest = z.infer<typeof tokenRequestSchema>;

/** Longest overlap of two tokens, seconds: 30 days. */
const overlapMax = 30 * 24 * 60 * 60;

/** Body of POST /v2/dedicated-inferences/{id}/tokens/{token_id}/rotate. */
export const rotationRequestSchema = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(overlapMax)
      .default(24 * 60 * 60)
      .describe('How long the replaced token stays good beside its successor, seconds; 0 revokes it at once.'),
    expires_at: z.iso
      .datetime()
      .optional()
      .describe('Until when the successor is good; left out, for as long as the replaced one was.'),
  })
  .meta({ id: 'RotateDedicatedInferenceToken', description: 'How a token is replaced.' });

/** A rotation as asked for. */
export type RotationRequest = z.infer<typeof rotationRequestSchema>;

/** Reply of an endpoint's tokens: never with a value. */
export const tokensReplySchema = z.object({
  tokens: z
    .array(
      tokenReplySchema
        .omit({ value: true })
        .meta({ id: 'DedicatedInferenceTokenWithoutValue', description: 'A token as it is shown later.' }),
    )
    .describe('The tokens of the page.'),
  ...listParts,
});

/** Reply of a token's creation: the only one that shows its value. */
export const newTokenReplySchema = z.object({ token: tokenReplySchema });

/** Reply of an endpoint's CA: certificates in PEM, in base 64. */
export const caReplySchema = z.object({ cert: z.base64().describe('Certificates in PEM, in base 64.') });

/** Reply of the sealing key: all that a client needs to seal a secret. */
export const sealingKeyReplySchema = z.object({
  sealing_key: z
    .object({
      region: regionSchema.describe('The region that can open what is sealed to it.'),
      key_id: z.string().describe('Which key this is; goes with what is sealed to it.'),
      algorithm: z
        .literal('HPKE: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM')
        .describe('RFC 9180, base mode.'),
      public_key: z.string().describe('32 bytes in base64url.'),
      info: z.string().describe('The `info` of HPKE, as UTF-8: what is sealed opens for this team alone.'),
    })
    .describe('All that a client needs to seal a secret.'),
});

/** What it is answered with. */
export type SealingKeyReply = z.infer<typeof sealingKeyReplySchema>;

const sizeReply = z.object({
  gpu_slug: z.string().describe('The `accelerator_slug` of specs.'),
  price_per_hour: z
    .string()
    .regex(/^\d+\.\d+$/)
    .describe('Price of one replica, per hour.'),
  currency: z.literal('USD').describe('What the price is in.'),
  region: regionSchema.describe('The first of `regions`.'),
  regions: z.array(regionSchema).describe('Where it is offered.'),
  cpu: z.int().min(0).describe('Virtual CPUs.'),
  memory: z.int().min(0).describe('Main memory, MiB.'),
  gpu: z
    .object({
      count: z.int().min(0).describe('How many accelerators.'),
      vram_gb: z.int().min(0).describe('Memory of all of them, GB.'),
      slug: z.string().describe('The same as `gpu_slug`.'),
    })
    .describe('The accelerators.'),
  size_category: z
    .object({
      name: z.string().describe('Model of the accelerator.'),
      fleet_name: z.string().describe('Name of the fleet.'),
    })
    .describe('What kind of machine it is.'),
  disks: z
    .array(z.object({ type: z.string().describe('`Local` or `Scratch`.'), size_gb: z.int().min(0).describe('GB.') }))
    .describe('The disks.'),
});

/** Reply of the sizes: a row per accelerator, with its regions in both dialects. */
export const sizesReplySchema = z.object({
  enabled_regions: z.array(regionSchema).describe('The regions of this installation.'),
  sizes: z.array(sizeReply).describe('What there is.'),
});

/** What sizes are answered with. */
export type SizesReply = z.infer<typeof sizesReplySchema>;

const modelConfigReply = z.object({
  model_slug: z.string().describe('The `model_slug` of specs.'),
  model_name: z.string().describe('Name for people.'),
  gpu_slugs: z.array(z.string()).describe('Sizes that hold its weights and leave room for its cache.'),
  is_gated_model: z.boolean().describe('Whether a Hugging Face token is needed.'),
  is_model_gated: z.boolean().describe('The same.'),
});

/** Reply of the GPU model configurations. */
export const gpuModelConfigReplySchema = z.object({
  gpu_model_configs: z.array(modelConfigReply).describe('The models of the catalogue.'),
});

/** What GPU model configurations are answered with. */
export type GpuModelConfigReply = z.infer<typeof gpuModelConfigReplySchema>;

/** Body of PUT /v2/dedicated-inferences/{id}/routing, whole: what is absent is as routers do it by themselves. */
export const routingRequestSchema = z
  .strictObject({
    policy: routingSchema.shape.policy,
    session_header: routingSchema.shape.sessionHeader.meta({ example: 'x-conversation-id' }),
    strip_billing_block: routingSchema.shape.stripBillingBlock,
    reason_header: routingSchema.shape.reasonHeader,
    choices_max: routingSchema.shape.choicesMax,
    output_tokens_max: routingSchema.shape.outputTokensMax,
  })
  .meta({ id: 'Routing', description: 'How routers treat the requests of an endpoint.' });

/** Routing settings as asked for. */
export type RoutingRequest = z.infer<typeof routingRequestSchema>;

/** Reply of an endpoint's routing settings. */
export const routingReplySchema = z.object({ routing: routingRequestSchema });

/** What they are answered with. */
export type RoutingReply = z.infer<typeof routingReplySchema>;

/** What is said of the engine of one model. */
const engineSettingsSchema = z
  .strictObject({
    model_id: uuidSchema.describe('The `model_id` of the spec.'),
    engine: z.enum(engineNames).optional().describe('Which engine serves it; the region’s choice when left out.'),
    version: z
      .string()
      .max(32)
      .optional()
      .meta({ description: 'Version of that engine; the region’s when left out.', example: '0.32.0' }),
    context_tokens: z
      .int()
      .min(512)
      .max(16_777_216)
      .optional()
      .describe('Longest prompt and answer together, tokens; the model’s own when left out.'),
    arguments: engineArgumentsSchema.optional().describe('Arguments of that engine.'),
  })
  .meta({ id: 'EngineSettings', description: 'How the engine of one model is started.' });

/** Body of PUT /v2/dedicated-inferences/{id}/engine, whole: a model that is not named is served as the region does it. */
export const engineRequestSchema = z
  .strictObject({ engines: z.array(engineSettingsSchema).max(64).describe('Settings of models, each named once.') })
  .meta({ id: 'Engines', description: 'How the engines of an endpoint’s models are started.' });

/** Engine settings as asked for. */
export type EngineRequest = z.infer<typeof engineRequestSchema>;
