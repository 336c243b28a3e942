import { z } from 'zod';
import { regionSchema, uuidSchema } from './ids.ts';
import { wireStatuses } from './lifecycle.ts';
import { eventDocumentSchema, likenesses, phases } from './status.ts';

/** What the management API answers: DigitalOcean's shapes in both dialects, and what is finer in members of its own. */

const stateReply = z.string().describe('`active` of what serves, `pending` of a change, `invalid` of one that failed.');
const specStatus = z.string().describe('`active`, `provisioning` or `updating`.');

const acceleratorReply = z
  .object({
    accelerator_id: uuidSchema.describe('Id of the group.'),
    accelerator_slug: z.string().describe('Size of the accelerators of one replica.'),
    type: z.string().describe('What its replicas do: `prefill_decode`, or one of `prefill` and `decode`.'),
    scale: z.int().describe('Replicas that are wanted.'),
    state: stateReply,
    status: specStatus,
  })
  .meta({ id: 'AcceleratorGroupReply', description: 'Equal replicas of a model.' });

const modelReply = z
  .object({
    model_id: uuidSchema.describe('Id of the model within the endpoint.'),
    model_slug: z.string().describe('Name of the model, as clients send it in `model`.'),
    model_provider: z.string().describe('Where the weights come from.'),
    provider_model_id: z.string().describe('Name of the model at its provider.'),
    workload_config: z.object({}).describe('Holds nothing yet.'),
    accelerators: z.array(acceleratorReply).describe('Groups of equal replicas.'),
  })
  .meta({ id: 'ModelDeploymentReply', description: 'A model, and what it runs on.' });

const specReply = z
  .object({
    id: uuidSchema.describe('Id of the endpoint.'),
    dedicated_inference_id: uuidSchema.describe('The same.'),
    version: z.int().describe('1 for the first spec, one more with each change.'),
    name: z.string().describe('Name of the endpoint.'),
    region: regionSchema.describe('Where it is.'),
    state: stateReply,
    status: specStatus,
    enable_public_endpoint: z.boolean().describe('Whether it has an address outside of its VPC, too.'),
    vpc: z.object({ uuid: uuidSchema.describe('Id of the VPC.') }).describe('The network that it is in.'),
    vpc_config: z
      .object({ vpc_uuid: uuidSchema.describe('Id of the VPC.') })
      .optional()
      .describe('The same, where the create named a VPC.'),
    model_deployments: z.array(modelReply).describe('The models that it serves.'),
    created_at: z.iso.datetime().describe('When the endpoint was created.'),
    updated_at: z.iso.datetime().describe('When this spec was stored.'),
  })
  .meta({
    id: 'SpecReply',
    description:
      '`spec` is what is being served now, absent until something is; `pending_deployment_spec` the change that is being carried out, while one is.',
  });

/** A spec inside a reply. */
export type SpecReply = z.infer<typeof specReply>;

const conditionReply = z.object({
  type: z.string().describe('`Accepted`, `Scheduled`, `ReplicasReady`, `Reachable`, `Ready` or `Stalled`.'),
  status: z.string().describe('`True`, `False` or `Unknown`.'),
  reason: z.string().describe('Why, in one word for programs.'),
  message: z.string().describe('Why, in a sentence for people.'),
  hint: z.string().optional().describe('What to do next, where something should be done.'),
  last_transition_time: z.iso.datetime().describe('Since when.'),
});

const progressReply = z.object({
  passed: z.int().describe('Steps that are behind all replicas of the change.'),
  steps: z.int().describe('Steps in all.'),
  since: z.iso.datetime().describe('When the change was taken up.'),
  estimate: z
    .object({
      ready_at: z.iso.datetime().describe('Half of the earlier changes like it were ready after no longer.'),
      ready_by: z.iso.datetime().describe('Nine of ten were.'),
      likeness: z.enum(likenesses).describe('What those have in common with it: model and GPU, GPU, or nothing.'),
      changes: z.int().describe('How many those are, of the whole region.'),
    })
    .optional()
    .describe('When it should be ready; absent where no earlier change says anything.'),
});

const drainingReply = z.object({
  replicas: z.int().describe('Replicas that take nothing new and go once nothing is in flight there.'),
  inflight: z
    .int()
    .nullable()
    .describe('Requests in flight on them; `null` while one router has not told: unknown is not 0.'),
  oldest: z.iso
    .datetime()
    .nullable()
    .describe('When the oldest of these began; `null` when there is none or it is unknown.'),
  deadline: z.iso.datetime().describe('After it the last replica goes, whatever is in flight.'),
  message: z.string().describe('What is waited for, in a sentence.'),
  at: z.iso.datetime().describe('When it stood so; it is renewed every few seconds.'),
});

/** The resource that clients see: `project(lastSpec, lastStatus)`. */
export const dedicatedInferenceSchema = z
  .object({
    id: uuidSchema.describe('Id of the endpoint; its region stands in it.'),
    name: z.string().describe('Name, unique in the team.'),
    region: regionSchema.describe('Where it is.'),
    status: z.enum(wireStatuses).describe('What it does; `phase`, `reason` and `message` say it in more detail.'),
    vpc_uuid: uuidSchema.describe('The VPC that it is in.'),
    spec: specReply.optional(),
    pending_deployment_spec: specReply.optional(),
    endpoints: z
      .object({
        public_endpoint_fqdn: z.string().optional().describe('Address for everybody, with its scheme.'),
        private_endpoint_fqdn: z.string().optional().describe('Address within the VPC, with its scheme.'),
      })
      .optional()
      .describe('Where completions are asked for, once it has been active.'),
    created_at: z.iso.datetime().describe('When it was created.'),
    updated_at: z.iso.datetime().describe('When it or its state changed last.'),
    revision: z.int().describe('Grows with each change that is asked for; the same as in `ETag`.'),
    observed_revision: z.int().describe('The newest revision that was taken up; 0 before the first.'),
    lifecycle_seq: z.int().describe('Grows by one with each change of `status`.'),
    phase: z.enum(phases).describe('Where the present change stands.'),
    phase_since: z.iso.datetime().optional().describe('Since when.'),
    progress: progressReply.optional().describe('How far the present change is; absent when none is under way.'),
    reason: z.string().describe('Why it stands there, in one word for programs.'),
    message: z.string().describe('Why, in a sentence for people.'),
    hint: z.string().optional().describe('What to do next; absent while there is nothing to do but wait.'),
    conditions: z.array(conditionReply).describe('The same as Kubernetes has it.'),
    replicas: z
      .object({
        desired: z.int().describe('Replicas that are wanted, over all models.'),
        ready: z.int().describe('Those that have answered a request.'),
      })
      .describe('How many replicas there are.'),
    draining: drainingReply
      .optional()
      .describe('Replicas that are going and what they are waited for; absent when none is.'),
    last_rejection: z
      .object({
        revision: z.int().describe('The revision that was given up.'),
        reason: z.string().describe('Why, in one word for programs.'),
        message: z.string().describe('Why, in a sentence for people.'),
        hint: z.string().describe('What to do.'),
        at: z.iso.datetime().describe('When.'),
      })
      .optional()
      .describe('The last change that could not be carried out; what was there before goes on serving.'),
  })
  .meta({ id: 'DedicatedInference', description: 'An endpoint: models on accelerators of its own, under an address.' });

/** The resource of one endpoint. */
export type DedicatedInference = z.infer<typeof dedicatedInferenceSchema>;

/** A data-plane token in a reply; `value` only once. */
export const tokenReplySchema = z
  .object({
    id: uuidSchema.describe('Id of the token.'),
    name: z.string().describe('Name, unique on its endpoint.'),
    value: z.string().optional().describe('What clients send. It is shown when the token is created, and never again.'),
    is_managed: z.boolean().describe('Whether it came with the endpoint.'),
    created_at: z.iso.datetime().describe('When it was created.'),
    models: z.array(z.string()).optional().describe('Models that it may use; all when left out.'),
    expires_at: z.iso.datetime().optional().describe('From then on it is refused.'),
    networks: z.array(z.string()).optional().describe('Networks that it may be used from (CIDR).'),
    group: z.string().optional().describe('Tokens of one group share caches and stored responses.'),
    flow_header: z.string().optional().describe('The request header that tells the people apart who use it.'),
    last_used_on: z.iso
      .date()
      .optional()
      .describe('The last day (UTC) on which it was used; absent when it never was.'),
    replaced_by: uuidSchema.optional().describe('The token that has taken its place; this one ends when it expires.'),
  })
  .meta({ id: 'DedicatedInferenceToken', description: 'A token for inference at one endpoint.' });

/** A token as replies show it. */
export type TokenReply = z.infer<typeof tokenReplySchema>;

/** Reply of a create. */
export const createReplySchema = z.object({
  dedicated_inference: dedicatedInferenceSchema,
  token: tokenReplySchema,
});

/** What a create answers. */
export type CreateReply = z.infer<typeof createReplySchema>;

/** Reply of get and patch. */
export const resourceReplySchema = z.object({ dedicated_inference: dedicatedInferenceSchema });

/** Links to the other pages of a list. */
export const linksSchema = z
  .object({
    pages: z
      .object({
        first: z.string().optional().describe('The first page.'),
        prev: z.string().optional().describe('The page before.'),
        next: z.string().optional().describe('The next page; absent on the last.'),
        last: z.string().optional().describe('The last page.'),
      })
      .optional()
      .describe('Absolute addresses; absent when one page holds all.'),
  })
  .meta({ id: 'Links', description: 'Links to the other pages.' });

/** What a list says of all its pages. */
export const listMetaSchema = z
  .object({
    total: z.int().describe('Items of all pages.'),
    unreachable: z.array(regionSchema).optional().describe('Regions that could not be asked: theirs are missing.'),
  })
  .meta({ id: 'ListMeta', description: 'How many there are.' });

/** Links as a list carries them. */
export type PageLinks = z.infer<typeof linksSchema>;

/** Reply of a list. Items are whole resources with DigitalOcean's list-only member `provider_model_id` (an array). */
export const listReplySchema = z.object({
  dedicated_inferences: z
    .array(
      dedicatedInferenceSchema
        .extend({ provider_model_id: z.array(z.string()).describe('Names of its models at their providers.') })
        .meta({ id: 'ListedDedicatedInference', description: 'An endpoint as lists have it.' }),
    )
    .describe('The endpoints of the page.'),
  links: linksSchema,
  meta: listMetaSchema,
});

/** What a list answers. */
export type ListReply = z.infer<typeof listReplySchema>;

/** One line of an endpoint's timeline; `id` orders them, and is what a stream is resumed behind. */
export const eventReplySchema = eventDocumentSchema
  .pick({ type: true, at: true, actor: true, phase: true, reason: true, message: true, hint: true, revision: true })
  .extend({ id: z.string().describe('Orders events; what a page or a stream goes on behind.') })
  .meta({ id: 'Event', description: 'One line of an endpoint’s timeline.' });

/** One event as clients see it. */
export type EventReply = z.infer<typeof eventReplySchema>;

/** Reply of a timeline: one page, oldest first. */
export const eventsReplySchema = z.object({
  events: z.array(eventReplySchema).describe('The events of the page.'),
  links: linksSchema,
  meta: listMetaSchema,
});

/** What a timeline answers. */
export type EventsReply = z.infer<typeof eventsReplySchema>;

/** Every error of the management API: DigitalOcean's three members, and what a person needs beside them. */
export const errorReplySchema = z
  .object({
    id: z.string().describe('What is wrong, as a code for programs: each response names those that it may have.'),
    message: z.string().describe('What is wrong and what to do, for people.'),
    request_id: z.string().describe('The same as in `X-Request-Id`: logs know the request by it.'),
    errors: z
      .array(
        z.object({
          path: z.string().describe('Where, as `spec.model_deployments.0.accelerators`.'),
          message: z.string().describe('What would fit there.'),
        }),
      )
      .optional()
      .describe('Every problem of the input.'),
    details: z.record(z.string(), z.unknown()).optional().describe('What the code has to say beside.'),
  })
  .meta({ id: 'Error', description: 'Why a request has no success.' });

/** An error as clients see it. */
export type ErrorReply = z.infer<typeof errorReplySchema>;

/** An error for whoever asks for RFC 9457 by `Accept: application/problem+json`. */
export const problemReplySchema = errorReplySchema
  .extend({
    type: z.literal('about:blank').describe('No page explains the problem: `id` is the code.'),
    title: z.string().describe('The status in words.'),
    status: z.int().describe('The status.'),
    detail: z.string().describe('The same as `message`.'),
  })
  .meta({ id: 'Problem', description: 'An error with the members of RFC 9457.' });

/** An error with the members of RFC 9457. */
export type ProblemReply = z.infer<typeof problemReplySchema>;
