import { z } from 'zod';
import { routingSchema } from './desired.ts';
import { regionSchema, uuidSchema } from './ids.ts';
import { linksSchema, tokenReplySchema } from './resource.ts';

/** What the management API answers about the parts of an endpoint and about the catalogue. */

/** A group of equal replicas; its id is the `accelerator_id` of the spec. */
export const acceleratorReplySchema = z
  .object({
    id: uuidSchema,
    name: z.string(),
    slug: z.string(),
    role: z.string(),
    status: z.enum(['new', 'provisioning', 'active']),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'DedicatedInferenceAccelerator' });

/** One accelerator. */
export type AcceleratorReply = z.infer<typeof acceleratorReplySchema>;

const listParts = { links: linksSchema, meta: z.object({ total: z.int() }) };

/** Reply of an endpoint's accelerators. */
export const acceleratorsReplySchema = z.object({ accelerators: z.array(acceleratorReplySchema), ...listParts });

/** Reply of an endpoint's tokens: never with a value. */
export const tokensReplySchema = z.object({
  tokens: z.array(tokenReplySchema.omit({ value: true }).meta({ id: 'DedicatedInferenceTokenWithoutValue' })),
  ...listParts,
});

/** Reply of a token's creation: the only one that shows its value. */
export const newTokenReplySchema = z.object({ token: tokenReplySchema });

/** Reply of an endpoint's CA: certificates in PEM, in base 64. */
export const caReplySchema = z.object({ cert: z.base64() });

const sizeReply = z.object({
  gpu_slug: z.string(),
  price_per_hour: z.string().regex(/^\d+\.\d+$/),
  currency: z.literal('USD'),
  region: regionSchema,
  regions: z.array(regionSchema),
  cpu: z.int().min(0),
  memory: z.int().min(0),
  gpu: z.object({ count: z.int().min(0), vram_gb: z.int().min(0), slug: z.string() }),
  size_category: z.object({ name: z.string(), fleet_name: z.string() }),
  disks: z.array(z.object({ type: z.string(), size_gb: z.int().min(0) })),
});

/** Reply of the sizes: a row per accelerator, with its regions in both dialects. */
export const sizesReplySchema = z.object({ enabled_regions: z.array(regionSchema), sizes: z.array(sizeReply) });

/** What sizes are answered with. */
export type SizesReply = z.infer<typeof sizesReplySchema>;

const modelConfigReply = z.object({
  model_slug: z.string(),
  model_name: z.string(),
  gpu_slugs: z.array(z.string()),
  is_gated_model: z.boolean(),
  is_model_gated: z.boolean(),
});

/** Reply of the GPU model configurations. */
export const gpuModelConfigReplySchema = z.object({ gpu_model_configs: z.array(modelConfigReply) });

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
  .meta({ id: 'Routing' });

/** Routing settings as asked for. */
export type RoutingRequest = z.infer<typeof routingRequestSchema>;

/** Reply of an endpoint's routing settings. */
export const routingReplySchema = z.object({ routing: routingRequestSchema });

/** What they are answered with. */
export type RoutingReply = z.infer<typeof routingReplySchema>;
