import { itemPath } from '#shared/contract/deployment.ts';
import { deleteEndpoint } from '../endpoints/delete-endpoint.ts';
import { endpointIdOf, type Route } from './route.ts';

/** DELETE /v2/dedicated-inferences/{id}; a content type without a body (godo, doctl) is fine: no body is read. */
export const deleteRoute: Route = {
  method: 'delete',
  path: itemPath,
  operationId: 'dedicatedInferences_delete',
  summary: 'Delete an endpoint',
  scope: 'dedicated_inference:delete',
  success: { status: 202, description: 'The deletion is stored and will be carried out.' },
  failures: [401, 403, 404, 412, 503],
  handle: (c, { context }) =>
    deleteEndpoint(context, c.get('call'), { endpointId: endpointIdOf(c), ifMatch: c.req.header('if-match') }),
};
