import { collectionPath, listQuerySchema } from '#shared/contract/deployment.ts';
import { parseInput } from '../../http/read-input.ts';
import { listEndpoints } from '../endpoints/read-endpoints.ts';
import { listUrlOf, type Route } from './route.ts';

/** GET /v2/dedicated-inferences */
export const listRoute: Route = {
  method: 'get',
  path: collectionPath,
  operationId: 'dedicatedInferences_list',
  summary: 'List the endpoints of the team',
  description:
    'The link to the next page goes on behind the last item of this one, so that nothing is missed when endpoints go meanwhile.',
  scope: 'dedicated_inference:read',
  query: listQuerySchema,
  success: { status: 200, description: 'One page, oldest first.' },
  handle: async (c, { context }) => {
    const query = parseInput(listQuerySchema, c.req.query());
    return listEndpoints(context, c.get('call'), { query, listUrl: listUrlOf(c) });
  },
};
