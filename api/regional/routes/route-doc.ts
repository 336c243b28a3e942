import { createRoute, z, type RouteConfig } from '@hono/zod-openapi';
import { dryRunQuerySchema } from '#shared/contract/dry-run.ts';
import { itemPath, partPaths } from '#shared/contract/deployment.ts';
import { errorReplySchema } from '#shared/contract/resource.ts';
import { uuidSchema } from '#shared/contract/ids.ts';
import { idempotencyKeyForm, type Route } from './route.ts';

const errors: Record<number, string> = {
  400: 'The request cannot be understood.',
  401: 'The API token is missing, unknown, expired or revoked.',
  403: 'The API token lacks the scope; to a PATCH without If-Match also: another change is pending.',
  404: 'There is no such endpoint in the team.',
  409: 'The change does not fit the present state; it has not taken effect.',
  412: 'If-Match names another revision.',
  413: 'The body is too large.',
  415: 'The body is not application/json.',
  422: 'The values cannot be accepted; every problem is listed with its path.',
  429: 'The API token has sent too many requests.',
  503: 'It cannot be done right now; try again after the time in Retry-After.',
};

const idempotencyKey = z
  .string()
  .regex(idempotencyKeyForm)
  .optional()
  .meta({ description: 'A retry with the same key gets the same answer, for 24 hours.' });
const prefer = z.string().optional().meta({
  description:
    '`wait=N` holds the answer for up to N seconds (at most 25), until the change has been carried out or given up.',
});
const ifMatch = z.string().optional().meta({ description: 'The entity tag of the revision that was read.' });

/** The OpenAPI description of an operation; `reply` is the schema of what a success answers, `dryRun` of what a dry run does. */
export function describeRoute(
  route: Route,
  { reply, dryRun }: { reply: z.ZodType | undefined; dryRun: z.ZodType },
): RouteConfig {
  const { method, path, success, failures, body, query } = route;
  const mutates = method !== 'get';
  const ids = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => name);
  const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
  // The key of a change may be none, and everybody is counted.
  const statuses = new Set([...(mutates ? [400] : []), ...failures, 429]);
  const failed = Array.from(statuses, (status) => [
    status,
    { description: errors[status] ?? '', content: json(errorReplySchema) },
  ]);
  return createRoute({
    method,
    path,
    operationId: route.operationId,
    summary: route.summary,
    security: [{ bearer: [route.scope].flat() }],
    request: {
      ...(ids.length > 0 && { params: z.object(Object.fromEntries(ids.map((name) => [name, uuidSchema]))) }),
      ...(query && { query }),
      ...(route.dryRun && { query: dryRunQuerySchema }),
      ...(mutates && {
        headers: z.object({
          'Idempotency-Key': idempotencyKey,
          Prefer: prefer,
          ...([itemPath, partPaths.routing].includes(path) && { 'If-Match': ifMatch }),
        }),
      }),
      ...(body && { body: { required: route.bodyOptional !== true, content: json(body) } }),
    },
    responses: {
      [success.status]: {
        description: success.description,
        ...(reply && { content: json(reply) }),
      },
      ...(route.dryRun && {
        200: { description: 'With `dry_run=true`: what would be. Nothing is stored.', content: json(dryRun) },
      }),
      ...Object.fromEntries(failed),
    },
  });
}
