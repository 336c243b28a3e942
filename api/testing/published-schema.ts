import { z } from 'zod';
import { wireStatuses } from '#shared/contract/lifecycle.ts';

/**
 * What DigitalOcean's clients accept, operation by operation: the types of its published OpenAPI file (pydo, DoTs) and those
 * that godo decodes into (doctl, Terraform), both with their traps: a time is RFC 3339 or absent, a version no float and no
 * text, a price a text, `provider_model_id` a list in lists alone. Members beside these are free.
 */
const uuid = z.uuid();
const time = z.iso.datetime({ offset: true });
const count = z.int().min(0);
const uri = z.url();

const vpc = z.object({ uuid });
const accelerator = z.object({
  scale: count.min(1),
  type: z.string(),
  accelerator_slug: z.string(),
  status: z.enum(['new', 'provisioning', 'active']),
  accelerator_id: uuid,
  state: z.enum(['active', 'pending', 'invalid']),
});
const model = z.object({
  model_id: uuid,
  model_slug: z.string(),
  model_provider: z.enum(['hugging_face', 'modelcatalog']),
  provider_model_id: z.string(),
  workload_config: z.object({}),
  accelerators: z.array(accelerator).min(1),
});
const deployment = z.object({
  version: count,
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,255}$/),
  region: z.enum(['atl1', 'nyc2', 'tor1']),
  enable_public_endpoint: z.boolean(),
  vpc,
  model_deployments: z.array(model).min(1),
  id: uuid,
  dedicated_inference_id: uuid,
  state: z.enum(['active', 'pending', 'invalid']),
  vpc_config: z.object({ vpc_uuid: uuid }).optional(),
  created_at: time,
  updated_at: time,
});
const inference = z.object({
  id: uuid,
  name: z.string(),
  region: z.enum(['atl1', 'nyc2', 'tor1']),
  status: z.enum(wireStatuses),
  vpc_uuid: uuid,
  spec: deployment.optional(),
  pending_deployment_spec: deployment.extend({ status: z.enum(['provisioning', 'updating']) }).optional(),
  endpoints: z.object({ public_endpoint_fqdn: uri.optional(), private_endpoint_fqdn: uri }).optional(),
  created_at: time,
  updated_at: time,
});
const token = z.object({ id: uuid, name: z.string(), is_managed: z.boolean(), created_at: time });
const newToken = token.extend({ value: z.string().min(1) });
const silentToken = token.extend({ value: z.undefined().optional() });
const pages = z.object({ first: uri, prev: uri, next: uri, last: uri }).partial();
const list = { links: z.object({ pages: pages.optional() }), meta: z.object({ total: count }) };
const acceleratorItem = z.object({
  id: uuid,
  name: z.string(),
  slug: z.string(),
  role: z.string(),
  status: z.string(),
  created_at: time,
});
const size = z.object({
  gpu_slug: z.string(),
  price_per_hour: z.string(),
  region: z.string(),
  currency: z.string(),
  regions: z.array(z.string()),
  cpu: count,
  memory: count,
  gpu: z.object({ count, vram_gb: count, slug: z.string() }),
  size_category: z.object({ name: z.string(), fleet_name: z.string() }),
  disks: z.array(z.object({ type: z.string(), size_gb: count })),
});
const config = z.object({
  gpu_slugs: z.array(z.string()),
  model_slug: z.string(),
  model_name: z.string(),
  is_gated_model: z.boolean(),
  is_model_gated: z.boolean(),
});

/** What a success of an operation answers: status and body; an empty one where there is none. */
export interface PublishedReply {
  status: 200 | 202 | 204;
  body: z.ZodType | null;
}

/** The 13 operations by method and path; `*` stands for an id. */
export const published: Readonly<Record<string, PublishedReply>> = {
  'POST ': { status: 202, body: z.object({ dedicated_inference: inference, token: newToken }) },
  'GET ': {
    status: 200,
    body: z.object({
      dedicated_inferences: z.array(inference.extend({ provider_model_id: z.array(z.string()) })),
      ...list,
    }),
  },
  'GET /sizes': { status: 200, body: z.object({ enabled_regions: z.array(z.string()), sizes: z.array(size).min(1) }) },
  'GET /gpu-model-config': { status: 200, body: z.object({ gpu_model_configs: z.array(config).min(1) }) },
  'GET /*': { status: 200, body: z.object({ dedicated_inference: inference }) },
  'PATCH /*': { status: 202, body: z.object({ dedicated_inference: inference }) },
  'DELETE /*': { status: 202, body: null },
  'GET /*/accelerators': { status: 200, body: z.object({ accelerators: z.array(acceleratorItem), ...list }) },
  'GET /*/accelerators/*': { status: 200, body: acceleratorItem },
  'GET /*/ca': { status: 200, body: z.object({ cert: z.base64().min(1) }) },
  'GET /*/tokens': { status: 200, body: z.object({ tokens: z.array(silentToken), ...list }) },
  'POST /*/tokens': { status: 202, body: z.object({ token: newToken }) },
  'DELETE /*/tokens/*': { status: 204, body: null },
};

/** Every error of every operation. */
export const publishedError = z.object({
  id: z.string(),
  message: z.string().min(1),
  request_id: z.string().optional(),
});
