import { itemPath, patchRequestSchema } from '#shared/contract/deployment.ts';
import { parseInput, readJsonBody } from '../../http/read-input.ts';
import { updateEndpoint } from '../endpoints/update-endpoint.ts';
import { endpointIdOf, type Route } from './route.ts';

/** PATCH /v2/dedicated-inferences/{id} */
export const patchRoute: Route = {
  method: 'patch',
  path: itemPath,
  operationId: 'dedicatedInferences_patch',
  summary: 'Change an endpoint',
  description:
    'Name, models, accelerators, replica counts, Hugging Face token; what is left out stays. While a change is being carried out another one is refused with 403, unless `If-Match` says that it may take its place.',
  scope: 'dedicated_inference:update',
  body: patchRequestSchema,
  dryRun: true,
  success: { status: 202, description: 'The change is stored and will be carried out.' },
  revised: true,
  conditional: true,
  failures: ['name_taken', 'endpoint_deleting'],
  handle: async (c, { context, bodyMaxBytes }) => {
    const endpointId = endpointIdOf(c);
    const request = parseInput(patchRequestSchema, await readJsonBody(c.req.raw, bodyMaxBytes));
    return updateEndpoint(context, c.get('call'), { endpointId, ifMatch: c.req.header('if-match'), request });
  },
};
