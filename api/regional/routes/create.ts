import { collectionPath, createRequestSchema } from '#shared/contract/deployment.ts';
import { readJsonBody } from '../../http/read-input.ts';
import { createEndpoint } from '../endpoints/create-endpoint.ts';
import { readCreateOrder } from '../endpoints/create-order.ts';
import type { Route } from './route.ts';

/** POST /v2/dedicated-inferences */
export const createRoute: Route = {
  method: 'post',
  path: collectionPath,
  operationId: 'dedicatedInferences_create',
  summary: 'Create an endpoint',
  description:
    'The answer has the endpoint and its first token, whose value is shown here alone. Without an `Idempotency-Key` an equal body by the same API token within ten minutes is taken for a retry and gets the same answer.',
  scope: 'dedicated_inference:create',
  body: createRequestSchema,
  dryRun: true,
  success: { status: 202, description: 'The endpoint is stored and will be provisioned.' },
  revised: true,
  failures: ['name_taken', 'endpoint_deleting'],
  handle: async (c, { context, bodyMaxBytes }) => {
    const order = readCreateOrder(await readJsonBody(c.req.raw, bodyMaxBytes), context.region);
    return createEndpoint(context, c.get('call'), order);
  },
};
