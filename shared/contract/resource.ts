import { z } from 'zod';
import { regionSchema, uuidSchema } from './ids.ts';
import { wireStatuses } from './lifecycle.ts';
import { eventDocumentSchema, phases } from './status.ts';

/** What the management API answers: DigitalOcean's shapes in both dialects, and what is finer in members of its own. */

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
  vpc_config: z.object({ vpc_uuid: uuidSchema }).optional(),
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
    models: z.array(z.string()).optional(),
    expires_at: z.iso.datetime().optional(),
    networks: z.array(z.string()).optional(),
    group: z.string().optional(),
    flow_header: z.string().optional(),
  })
  .meta({ id: 'DedicatedInferenceToken' });

/** A token as replies show it. */
export type TokenReply = z.infer<typeof tokenReplySchema>;

/** Reply of a create. */
export const createReplySchema = z.object({ dedicated_inference: dedicatedInferenceSchema, token: tokenReplySchema });

/** What a create answers. */
export type CreateReply = z.infer<typeof createReplySchema>;

/** Reply of get and patch. */
export const resourceReplySchema = z.object({ dedicated_inference: dedicatedInferenceSchema });

/** Links to the other pages of a list. */
export const linksSchema = z.object({
  pages: z
    .object({
      first: z.string().optional(),
      prev: z.string().optional(),
      next: z.string().optional(),
      last: z.string().optional(),
    })
    .optional(),
});

/** Links as a list carries them. */
export type PageLinks = z.infer<typeof linksSchema>;

/** Reply of a list. Items are whole resources with DigitalOcean's list-only member `provider_model_id` (an array). */
export const listReplySchema = z.object({
  dedicated_inferences: z.array(dedicatedInferenceSchema.extend({ provider_model_id: z.array(z.string()) })),
  links: linksSchema,
  meta: z.object({ total: z.int() }),
});

/** What a list answers. */
export type ListReply = z.infer<typeof listReplySchema>;

/** One line of an endpoint's timeline; `id` orders them, and is what a stream is resumed behind. */
export const eventReplySchema = eventDocumentSchema
  .pick({ type: true, at: true, actor: true, phase: true, reason: true, message: true, hint: true, revision: true })
  .extend({ id: z.string() })
  .meta({ id: 'Event' });

/** One event as clients see it. */
export type EventReply = z.infer<typeof eventReplySchema>;

/** Reply of a timeline: one page, oldest first. */
export const eventsReplySchema = z.object({
  events: z.array(eventReplySchema),
  links: linksSchema,
  meta: z.object({ total: z.int() }),
});

/** What a timeline answers. */
export type EventsReply = z.infer<typeof eventsReplySchema>;

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
