import { itemPath } from '#shared/contract/deployment.ts';
import { deleteEndpoint } from '../endpoints/delete-endpoint.ts';
import { endpointIdOf, type Route } from './route.ts';

/** DELETE /v2/dedicated-inferences/{id}; a content type without a body (godo, doctl) is fine: no body is read. */
export const deleteRoute: Route = {
  method: 'delete',
  path: itemPath,
  operationId: 'dedicatedInferences_delete',
  summary: 'Delete an endpoint',
  description:
    'A delete is always accepted, whatever else is pending; asking twice is the same as once. Reads answer 404 when nothing is left of it.',
  scope: 'dedicated_inference:delete',
  success: { status: 202, description: 'The deletion is stored and will be carried out.' },
  revised: true,
  conditional: true,
  handle: (c, { context }) =>
    deleteEndpoint(context, c.get('call'), { endpointId: endpointIdOf(c), ifMatch: c.req.header('if-match') }),
};
