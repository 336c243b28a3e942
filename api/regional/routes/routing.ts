import { partPaths } from '#shared/contract/deployment.ts';
import { routingRequestSchema } from '#shared/contract/parts.ts';
import { parseInput, readJsonBody } from '../../http/read-input.ts';
import { getRouting, putRouting } from '../settings/routing.ts';
import { endpointIdOf, type Route } from './route.ts';

/** GET /v2/dedicated-inferences/{id}/routing */
export const routingRoute: Route = {
  method: 'get',
  path: partPaths.routing,
  operationId: 'dedicatedInferences_get_routing',
  summary: 'Show how requests of an endpoint are routed',
  description: 'Settings of its routers.',
  scope: 'dedicated_inference:read',
  success: { status: 200, description: 'What was set; what is absent is as routers do it by themselves.' },
  revised: true,
  handle: (c, { context }) => getRouting(context, c.get('call'), endpointIdOf(c)),
};

/** PUT /v2/dedicated-inferences/{id}/routing */
export const putRoutingRoute: Route = {
  method: 'put',
  path: partPaths.routing,
  operationId: 'dedicatedInferences_put_routing',
  summary: 'Say how requests of an endpoint are routed',
  description: 'Takes the place of all settings: what is left out is as routers do it by themselves.',
  scope: 'dedicated_inference:update',
  body: routingRequestSchema,
  success: { status: 202, description: 'The settings are stored; routers follow.' },
  revised: true,
  conditional: true,
  failures: ['endpoint_deleting'],
  handle: async (c, { context, bodyMaxBytes }) => {
    const endpointId = endpointIdOf(c);
    const request = parseInput(routingRequestSchema, await readJsonBody(c.req.raw, bodyMaxBytes));
    return putRouting(context, c.get('call'), { endpointId, ifMatch: c.req.header('if-match'), request });
  },
};
