import { acceleratorsQuerySchema, partPaths } from '#shared/contract/deployment.ts';
import { parseInput } from '../../http/read-input.ts';
import { getAccelerator, getCa, listAccelerators } from '../endpoints/read-parts.ts';
import { endpointIdOf, idOf, listUrlOf, type Route } from './route.ts';

/** GET /v2/dedicated-inferences/{id}/accelerators */
export const acceleratorsRoute: Route = {
  method: 'get',
  path: partPaths.accelerators,
  operationId: 'dedicatedInferences_list_accelerators',
  summary: 'List the accelerators of an endpoint',
  description: 'The groups of equal replicas that its newest spec asks for.',
  scope: 'dedicated_inference:read',
  query: acceleratorsQuerySchema,
  success: { status: 200, description: 'One page, in the order of the spec.' },
  handle: async (c, { context }) => {
    const query = parseInput(acceleratorsQuerySchema, c.req.query());
    return listAccelerators(context, c.get('call'), { endpointId: endpointIdOf(c), query, listUrl: listUrlOf(c) });
  },
};

/** GET /v2/dedicated-inferences/{id}/accelerators/{accelerator_id} */
export const acceleratorRoute: Route = {
  method: 'get',
  path: partPaths.accelerator,
  operationId: 'dedicatedInferences_get_accelerator',
  summary: 'Show an accelerator of an endpoint',
  description: 'One group of equal replicas, by its id in the spec.',
  scope: 'dedicated_inference:read',
  success: { status: 200, description: 'The accelerator as it is now.' },
  handle: (c, { context }) =>
    getAccelerator(context, c.get('call'), { endpointId: endpointIdOf(c), acceleratorId: idOf(c, 'accelerator_id') }),
};

/** GET /v2/dedicated-inferences/{id}/ca */
export const caRoute: Route = {
  method: 'get',
  path: partPaths.ca,
  operationId: 'dedicatedInferences_get_ca',
  summary: 'Show what clients of the private address have to trust',
  description:
    'The authority of its region, and the next one before that is used. 404 until the endpoint has been active with a private address over TLS.',
  scope: 'dedicated_inference:read',
  success: { status: 200, description: 'Certificates in PEM, in base 64.' },
  handle: (c, { context }) => getCa(context, c.get('call'), endpointIdOf(c)),
};
