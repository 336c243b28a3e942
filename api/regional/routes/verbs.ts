import type { z } from 'zod';
import { commandSchemas, type CommandVerb } from '#shared/contract/commands.ts';
import { collectionPath, partPaths } from '#shared/contract/deployment.ts';
import { AppError, type InputProblem } from '#shared/contract/errors.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { parseInput } from '../../http/read-input.ts';
import { createEndpoint } from '../endpoints/create-endpoint.ts';
import { readCreateOrder } from '../endpoints/create-order.ts';
import { deleteEndpoint } from '../endpoints/delete-endpoint.ts';
import { getEngine, putEngine } from '../settings/engine.ts';
import { getEndpoint, listEndpoints } from '../endpoints/read-endpoints.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';
import { getRouting, putRouting } from '../settings/routing.ts';
import { updateEndpoint } from '../endpoints/update-endpoint.ts';
import { createToken } from '../tokens/create-token.ts';
import { deleteToken } from '../tokens/delete-token.ts';
import { listTokens } from '../tokens/list-tokens.ts';
import { rotateToken } from '../tokens/rotate-token.ts';
import { createRoute } from './create.ts';
import { deleteRoute } from './delete.ts';
import { deleteEngineRoute, engineRoute, putEngineRoute } from './engine.ts';
import { getRoute } from './get.ts';
import { listRoute } from './list.ts';
import { patchRoute } from './patch.ts';
import type { Route } from './route.ts';
import { putRoutingRoute, routingRoute } from './routing.ts';
import { sealingKey, sealingKeyRoute } from './sealing-key.ts';
import { createTokenRoute, deleteTokenRoute, rotateTokenRoute, tokensRoute } from './tokens.ts';

/** What a verb needs, and what it does with the JSON of a command. */
interface Verb {
  scope: Route['scope'];
  run: (context: RegionContext, call: Call, json: object) => Promise<Answer<unknown>>;
}

/** Links to other pages have this before the path of REST: their query is the `query` of the next command. */
const linkScheme = 'nats:';

/** A verb is as its route, whose scope it needs. */
function verb<S extends z.ZodType>(
  schema: S,
  { scope }: Route,
  carryOut: (context: RegionContext, call: Call, command: z.infer<S>) => Promise<Answer<unknown>>,
): Verb {
  const run: Verb['run'] = async (context, call, json) => {
    refusePlainSecrets(json);
    const command = parseInput(schema, json);
    return carryOut(context, { ...call, dryRun: memberOf(json, 'dryRun') === true }, command);
  };
  return { scope, run };
}

/** What each verb does. */
export const verbs: Readonly<Record<CommandVerb, Verb>> = {
  create: {
    scope: createRoute.scope,
    run: async (context, call, json) => {
      refusePlainSecrets(json);
      // Read first: it finds every problem of the body at once.
      const order = readCreateOrder('body' in json ? json.body : undefined, context.region);
      const { dryRun = false } = parseInput(commandSchemas.create, json);
      return createEndpoint(context, { ...call, dryRun }, order);
    },
  },
  list: verb(commandSchemas.list, listRoute, (context, call, { query }) =>
    listEndpoints(context, call, { query, listUrl: `${linkScheme}${collectionPath}` }),
  ),
  get: verb(commandSchemas.get, getRoute, (context, call, { id }) => getEndpoint(context, call, id)),
  update: verb(commandSchemas.update, patchRoute, (context, call, { id, ifMatch, body }) =>
    updateEndpoint(context, call, { endpointId: id, ifMatch, request: body }),
  ),
  delete: verb(commandSchemas.delete, deleteRoute, (context, call, { id, ifMatch }) =>
    deleteEndpoint(context, call, { endpointId: id, ifMatch }),
  ),
  get_routing: verb(commandSchemas.get_routing, routingRoute, (context, call, { id }) => getRouting(context, call, id)),
  put_routing: verb(commandSchemas.put_routing, putRoutingRoute, (context, call, { id, ifMatch, body }) =>
    putRouting(context, call, { endpointId: id, ifMatch, request: body }),
  ),
  get_engine: verb(commandSchemas.get_engine, engineRoute, (context, call, { id }) => getEngine(context, call, id)),
  put_engine: verb(commandSchemas.put_engine, putEngineRoute, (context, call, { id, ifMatch, body }) =>
    putEngine(context, call, { endpointId: id, ifMatch, request: body }),
  ),
  delete_engine: verb(commandSchemas.delete_engine, deleteEngineRoute, (context, call, { id, ifMatch }) =>
    putEngine(context, call, { endpointId: id, ifMatch, request: { engines: [] } }),
  ),
  list_tokens: verb(commandSchemas.list_tokens, tokensRoute, (context, call, { id, query }) =>
    listTokens(context, call, {
      endpointId: id,
      query,
      listUrl: `${linkScheme}${partPaths.tokens.replace('{id}', id)}`,
    }),
  ),
  create_token: verb(commandSchemas.create_token, createTokenRoute, (context, call, { id, body }) =>
    createToken(context, call, { endpointId: id, ...body }),
  ),
  rotate_token: verb(commandSchemas.rotate_token, rotateTokenRoute, (context, call, { id, tokenId, body }) =>
    rotateToken(context, call, { endpointId: id, tokenId, ...body }),
  ),
  delete_token: verb(commandSchemas.delete_token, deleteTokenRoute, (context, call, { id, tokenId }) =>
    deleteToken(context, call, { endpointId: id, tokenId }),
  ),
  sealing_key: verb(commandSchemas.sealing_key, sealingKeyRoute, (context, call) => sealingKey(context, call)),
};

/** @throws AppError `unprocessable` for a secret in plain text: whoever may listen in NATS would have read it. */
function refusePlainSecrets(json: object): void {
  const problems = ['access_tokens', 'secrets'].flatMap((member): InputProblem[] => {
    const plain = memberOf(memberOf(memberOf(json, 'body'), member), 'hugging_face_token');
    if (plain === undefined || plain === '') return [];
    const message = 'is not taken in plain over NATS: seal it (command sealing_key) and send sealed_hugging_face_token';
    return [{ path: `body.${member}.hugging_face_token`, message }];
  });
  if (problems.length > 0) throw new AppError('unprocessable', { problems });
}

function memberOf(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}
