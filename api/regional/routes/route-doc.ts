import { createRoute, z, type RouteConfig } from '@hono/zod-openapi';
import { errorReplySchema } from '#shared/contract/deployment.ts';
import { uuidSchema } from '#shared/contract/ids.ts';

/** Where endpoints live. */
export const collectionPath = '/v2/dedicated-inferences';

/** One endpoint. */
export const itemPath = '/v2/dedicated-inferences/{id}';

const errors: Record<number, string> = {
  400: 'The request cannot be understood.',
  401: 'The API token is missing, unknown, expired or revoked.',
  403: 'The API token lacks the scope.',
  404: 'There is no such endpoint in the team.',
  409: 'The change does not fit the present state; it has not taken effect.',
  412: 'If-Match names another revision.',
  413: 'The body is too large.',
  415: 'The body is not application/json.',
  422: 'The values cannot be accepted; every problem is listed with its path.',
  503: 'It cannot be done right now; try again after the time in Retry-After.',
};

interface Description {
  method: 'get' | 'post' | 'patch' | 'delete';
  path: string;
  operationId: string;
  summary: string;
  scope: string;
  query?: z.ZodObject;
  body?: z.ZodType;
  success: { status: 200 | 202; schema?: z.ZodType; description: string };
  failures: number[];
}

const idempotencyKey = z
  .string()
  .min(1)
  .max(255)
  .optional()
  .meta({ description: 'A retry with the same key gets the same answer, for 24 hours.' });
const ifMatch = z.string().optional().meta({ description: 'The entity tag of the revision that was read.' });

/** Makes the OpenAPI description of an operation out of what differs between them. */
export function describeRoute(description: Description): RouteConfig {
  const { method, path, success, failures, body, query } = description;
  const mutates = method !== 'get';
  const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
  const failed = failures.map((status) => [
    status,
    { description: errors[status] ?? '', content: json(errorReplySchema) },
  ]);
  return createRoute({
    method,
    path,
    operationId: description.operationId,
    summary: description.summary,
    security: [{ bearer: [description.scope] }],
    request: {
      ...(path === itemPath && { params: z.object({ id: uuidSchema }) }),
      ...(query && { query }),
      ...(mutates && {
        headers: z.object({
          'Idempotency-Key': idempotencyKey,
          ...(path === itemPath && { 'If-Match': ifMatch }),
        }),
      }),
      ...(body && { body: { required: true, content: json(body) } }),
    },
    responses: {
      [success.status]: {
        description: success.description,
        ...(success.schema && { content: json(success.schema) }),
      },
      ...Object.fromEntries(failed),
    },
  });
}
