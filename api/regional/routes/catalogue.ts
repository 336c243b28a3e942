import { cataloguePaths } from '#shared/contract/deployment.ts';
import { gpuModelConfigReply, sizesReply } from '../../http/catalog-replies.ts';
import type { Route } from './route.ts';

/** GET /v2/dedicated-inferences/sizes */
export const sizesRoute: Route = {
  method: 'get',
  path: cataloguePaths.sizes,
  operationId: 'dedicatedInferences_list_sizes',
  summary: 'List accelerators with their prices',
  description: 'What `accelerator_slug` may be, what a replica on it costs, and in which regions it is offered.',
  scope: 'dedicated_inference:read',
  success: { status: 200, description: 'Every size that this installation offers.' },
  handle: async (_c, { context }) => ({ status: 200, revision: null, body: sizesReply([context.region]) }),
};

/** GET /v2/dedicated-inferences/gpu-model-config */
export const gpuModelConfigRoute: Route = {
  method: 'get',
  path: cataloguePaths.gpuModelConfig,
  operationId: 'dedicatedInferences_get_gpu_model_config',
  summary: 'List models with the accelerators that hold them',
  description: 'A size is named for a model when it holds the weights and leaves room for the cache of its requests.',
  scope: 'dedicated_inference:read',
  success: {
    status: 200,
    description: 'Every model of the catalogue, with the sizes that hold its weights; others may be deployed too.',
  },
  handle: async (_c, { context }) => ({ status: 200, revision: null, body: gpuModelConfigReply([context.region]) }),
};
