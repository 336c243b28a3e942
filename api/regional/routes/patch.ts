import { patchRequestSchema, resourceReplySchema } from '#shared/contract/deployment.ts';
import { AppError } from '#shared/contract/errors.ts';
import { inputProblems } from '../../http/input-problems.ts';
import { scaleEndpoint } from '../endpoints/scale-endpoint.ts';
import { describeRoute, itemPath } from './route-doc.ts';
import { bodyOf, endpointIdOf, type Route } from './route.ts';

/** PATCH /v2/dedicated-inferences/{id} */
export const patchRoute: Route = {
  doc: describeRoute({
    method: 'patch',
    path: itemPath,
    operationId: 'dedicatedInferences_patch',
    summary: 'Change the replica counts of an endpoint',
    scope: 'dedicated_inference:update',
    body: patchRequestSchema,
    success: { status: 202, schema: resourceReplySchema, description: 'The change is stored and will be carried out.' },
    failures: [400, 401, 403, 404, 409, 412, 413, 415, 422, 503],
  }),
  handle: async (c, { context, bodyMaxBytes }) => {
    const endpointId = endpointIdOf(c);
    const request = patchRequestSchema.safeParse(await bodyOf(c, bodyMaxBytes));
    if (!request.success) throw new AppError('unprocessable', { problems: inputProblems(request.error) });
    const order = { endpointId, ifMatch: c.req.header('if-match'), request: request.data };
    return scaleEndpoint(context, c.get('call'), order);
  },
};
