import { partPaths } from '#shared/contract/deployment.ts';
import { engineRequestSchema } from '#shared/contract/parts.ts';
import { parseInput, readJsonBody } from '../../http/read-input.ts';
import { getEngine, putEngine } from '../settings/engine.ts';
import { endpointIdOf, type Route } from './route.ts';

/** GET /v2/dedicated-inferences/{id}/engine */
export const engineRoute: Route = {
  method: 'get',
  path: partPaths.engine,
  operationId: 'dedicatedInferences_get_engine',
  summary: 'Show how the engines of an endpoint are started',
  description: 'Engine, version, context and arguments, by model.',
  scope: 'dedicated_inference:read',
  success: { status: 200, description: 'What was set; a model that is absent is served as the region does it.' },
  revised: true,
  handle: (c, { context }) => getEngine(context, c.get('call'), endpointIdOf(c)),
};

/** What a change of engine settings is, whichever it is. */
const change = {
  path: partPaths.engine,
  scope: 'dedicated_inference:update',
  dryRun: true,
  success: { status: 202, description: 'The settings are stored; replicas are replaced.' },
  revised: true,
  conditional: true,
  failures: ['endpoint_deleting'],
} satisfies Partial<Route>;

/** PUT /v2/dedicated-inferences/{id}/engine */
export const putEngineRoute: Route = {
  ...change,
  method: 'put',
  operationId: 'dedicatedInferences_put_engine',
  summary: 'Say how the engines of an endpoint are started',
  description:
    'Takes the place of all settings: a model that is not named is served as the region does it. Replicas of a model for which anything changes are replaced. A version that is known to be unsafe, an engine that has no image for the GPUs and a context that does not fit beside the weights are refused. While a change is being carried out another one is refused with 403, unless `If-Match` says that it may take its place.',
  body: engineRequestSchema,
  handle: async (c, { context, bodyMaxBytes }) => {
    const endpointId = endpointIdOf(c);
    const request = parseInput(engineRequestSchema, await readJsonBody(c.req.raw, bodyMaxBytes));
    return putEngine(context, c.get('call'), { endpointId, ifMatch: c.req.header('if-match'), request });
  },
};

/** DELETE /v2/dedicated-inferences/{id}/engine */
export const deleteEngineRoute: Route = {
  ...change,
  method: 'delete',
  operationId: 'dedicatedInferences_delete_engine',
  summary: 'Have all engines of an endpoint started as the region does it',
  description: 'The same as storing no settings at all.',
  handle: (c, { context }) =>
    putEngine(context, c.get('call'), {
      endpointId: endpointIdOf(c),
      ifMatch: c.req.header('if-match'),
      request: { engines: [] },
    }),
};
