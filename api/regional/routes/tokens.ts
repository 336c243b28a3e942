import { pageQuerySchema, partPaths } from '#shared/contract/deployment.ts';
import { rotationRequestSchema, tokenRequestSchema } from '#shared/contract/parts.ts';
import { parseInput, readJsonBody, readOptionalJsonBody } from '../../http/read-input.ts';
import { createToken } from '../tokens/create-token.ts';
import { deleteToken } from '../tokens/delete-token.ts';
import { listTokens } from '../tokens/list-tokens.ts';
import { rotateToken } from '../tokens/rotate-token.ts';
import { endpointIdOf, idOf, listUrlOf, type Route } from './route.ts';

/** GET /v2/dedicated-inferences/{id}/tokens */
export const tokensRoute: Route = {
  method: 'get',
  path: partPaths.tokens,
  operationId: 'dedicatedInferences_list_tokens',
  summary: 'List the tokens of an endpoint',
  description: 'Without their values, which are stored nowhere.',
  scope: 'dedicated_inference_tokens:read',
  query: pageQuerySchema,
  success: { status: 200, description: 'One page, oldest first.' },
  handle: async (c, { context }) => {
    const query = parseInput(pageQuerySchema, c.req.query());
    return listTokens(context, c.get('call'), { endpointId: endpointIdOf(c), query, listUrl: listUrlOf(c) });
  },
};

/** POST /v2/dedicated-inferences/{id}/tokens */
export const createTokenRoute: Route = {
  method: 'post',
  path: partPaths.tokens,
  operationId: 'dedicatedInferences_create_tokens',
  summary: 'Create a token of an endpoint',
  description: 'Routers know it within a second. Its value is shown here alone; a name is unique on its endpoint.',
  scope: 'dedicated_inference_tokens:create',
  body: tokenRequestSchema,
  success: { status: 202, description: 'The token; its value is shown here alone.' },
  failures: ['name_taken', 'endpoint_deleting'],
  handle: async (c, { context, bodyMaxBytes }) => {
    const endpointId = endpointIdOf(c);
    const request = parseInput(tokenRequestSchema, await readJsonBody(c.req.raw, bodyMaxBytes));
    return createToken(context, c.get('call'), { endpointId, ...request });
  },
};

/** POST /v2/dedicated-inferences/{id}/tokens/{token_id}/rotate */
export const rotateTokenRoute: Route = {
  method: 'post',
  path: partPaths.rotation,
  operationId: 'dedicatedInferences_rotate_token',
  summary: 'Replace a token of an endpoint',
  description:
    'The successor has the same name and is good for the same; the replaced one ends after the overlap. Its value is shown here alone. A token is replaced once: after that its successor is.',
  scope: ['dedicated_inference_tokens:create', 'dedicated_inference_tokens:delete'],
  body: rotationRequestSchema,
  bodyOptional: true,
  success: { status: 202, description: 'The successor; its value is shown here alone.' },
  failures: ['endpoint_deleting'],
  handle: async (c, { context, bodyMaxBytes }) => {
    const address = { endpointId: endpointIdOf(c), tokenId: idOf(c, 'token_id') };
    const request = parseInput(rotationRequestSchema, await readOptionalJsonBody(c.req.raw, bodyMaxBytes));
    return rotateToken(context, c.get('call'), { ...address, ...request });
  },
};

/** DELETE /v2/dedicated-inferences/{id}/tokens/{token_id} */
export const deleteTokenRoute: Route = {
  method: 'delete',
  path: partPaths.token,
  operationId: 'dedicatedInferences_delete_tokens',
  summary: 'Revoke a token of an endpoint',
  description: 'Routers refuse it within a second; an answer that has begun goes on to its end.',
  scope: 'dedicated_inference_tokens:delete',
  success: { status: 204, description: 'The token is revoked.' },
  handle: (c, { context }) =>
    deleteToken(context, c.get('call'), { endpointId: endpointIdOf(c), tokenId: idOf(c, 'token_id') }),
};
