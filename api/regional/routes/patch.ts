import { itemPath, patchRequestSchema } from '#shared/contract/deployment.ts';
import { parseInput, readJsonBody } from '../../http/read-input.ts';
import { updateEndpoint } from '../endpoints/update-endpoint.ts';
import { endpointIdOf, type Route } from './route.ts';

/** PATCH /v2/dedicated-inferences/{id} */
export const patchRoute: Route = {
  method: 'patch',
  path: itemPath,
  operationId: 'dedicatedInferences_patch',
  summary: 'Change an endpoint: name, models, accelerators, replica counts, Hugging Face token',
  scope: 'dedicated_inference:update',
  body: patchRequestSchema,
  dryRun: true,
  success: { status: 202, description: 'The change is stored and will be carried out.' },
  failures: [400, 401, 403, 404, 409, 412, 413, 415, 422, 503],
  handle: async (c, { context, bodyMaxBytes }) => {
    const endpointId = endpointIdOf(c);
    const request = parseInput(patchRequestSchema, await readJsonBody(c.req.raw, bodyMaxBytes));
    return updateEndpoint(context, c.get('call'), { endpointId, ifMatch: c.req.header('if-match'), request });
  },
};
