import { itemPath } from '#shared/contract/deployment.ts';
import { getEndpoint } from '../endpoints/read-endpoints.ts';
import { endpointIdOf, type Route } from './route.ts';

/** GET /v2/dedicated-inferences/{id} */
export const getRoute: Route = {
  method: 'get',
  path: itemPath,
  operationId: 'dedicatedInferences_get',
  summary: 'Show an endpoint',
  description: 'Sees every change that was answered before, by whichever process.',
  scope: 'dedicated_inference:read',
  success: { status: 200, description: 'The endpoint as it is now.' },
  revised: true,
  handle: (c, { context }) => getEndpoint(context, c.get('call'), endpointIdOf(c)),
};
