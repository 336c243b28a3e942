import { listQuerySchema, listReplySchema } from '#shared/contract/deployment.ts';
import { AppError } from '#shared/contract/errors.ts';
import { inputProblems } from '../../http/input-problems.ts';
import { publicOrigin } from '../../http/public-origin.ts';
import { listEndpoints } from '../endpoints/read-endpoints.ts';
import { collectionPath, describeRoute } from './route-doc.ts';
import type { Route } from './route.ts';

/** GET /v2/dedicated-inferences */
export const listRoute: Route = {
  doc: describeRoute({
    method: 'get',
    path: collectionPath,
    operationId: 'dedicatedInferences_list',
    summary: 'List the endpoints of the team',
    scope: 'dedicated_inference:read',
    query: listQuerySchema,
    success: { status: 200, schema: listReplySchema, description: 'One page, oldest first.' },
    failures: [401, 403, 422, 503],
  }),
  handle: async (c, { context }) => {
    const query = listQuerySchema.safeParse(c.req.query());
    if (!query.success) throw new AppError('unprocessable', { problems: inputProblems(query.error) });
    const listUrl = `${publicOrigin(c.req.raw)}${collectionPath}`;
    return listEndpoints(context, c.get('call'), { query: query.data, listUrl });
  },
};
