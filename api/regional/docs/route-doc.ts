import { createRoute, z, type RouteConfig } from '@hono/zod-openapi';
import { dryRunQuerySchema, dryRunReplySchema } from '#shared/contract/dry-run.ts';
import { uuidSchema } from '#shared/contract/ids.ts';
import { failureDocs } from './failure-doc.ts';
import { successHeaders } from './header-doc.ts';
import { eventIdForm, idempotencyKeyForm, type Route } from '../routes/route.ts';

/**
 * One call of an operation as the API answered it: `path` is that of the request, `stream` how a stream of it begins,
 * `dryRun` the answer to a dry run.
 */
export interface RouteExample {
  path: string;
  request?: unknown;
  reply?: unknown;
  stream?: string;
  dryRun?: unknown;
}

/** What is known of an operation beside its route: what a success answers, and a call of it. */
export interface RouteReplies {
  reply: z.ZodType | undefined;
  example: RouteExample | undefined;
}

const idempotencyKey = z.string().regex(idempotencyKeyForm).optional().meta({
  description: 'A retry with the same key gets the same answer, for 24 hours.',
  example: '8e03978e-40d5-43e8-bc93-6894a57f9324',
});
const prefer = z.string().optional().meta({
  description:
    '`wait=N` holds the answer for up to N seconds (at most 25), until the change has been carried out or given up.',
  example: 'wait=25',
});
const ifMatch = z.string().optional().meta({
  description: 'Change this revision alone: the `ETag` of what was read, or `*` for whichever it is.',
  example: '"3"',
});
const lastEventId = z.string().regex(eventIdForm).optional().meta({
  description: 'Id of the last event that was read: the stream goes on behind it. Empty is as none.',
  example: '1',
});

const pathIds: Record<string, string> = {
  id: 'Id of the endpoint.',
  accelerator_id: 'Id of the accelerator group, as its `accelerator_id` in the spec.',
  token_id: 'Id of the token.',
};

/** The OpenAPI description of an operation. */
export function describeRoute(route: Route, replies: RouteReplies): RouteConfig {
  const { method, path, body, query } = route;
  const { example } = replies;
  const params = pathParameters(path, example);
  const headers = requestHeaders(route);
  return createRoute({
    method,
    path,
    operationId: route.operationId,
    summary: route.summary,
    description: route.description,
    security: [{ bearer: [route.scope].flat() }],
    request: {
      ...(Object.keys(params).length > 0 && { params: z.object(params) }),
      ...(query && { query }),
      ...(route.dryRun && { query: dryRunQuerySchema }),
      ...(Object.keys(headers).length > 0 && { headers: z.object(headers) }),
      ...(body && {
        body: {
          required: route.bodyOptional !== true,
          content: { 'application/json': { schema: body, example: example?.request } },
        },
      }),
    },
    responses: { ...successDocs(route, replies), ...failureDocs(route) },
  });
}

function successDocs(route: Route, { reply, example }: RouteReplies): RouteConfig['responses'] {
  const { success, revised = false } = route;
  return {
    [success.status]: {
      description: success.description,
      headers: successHeaders({ revised, waits: revised && route.method !== 'get' }),
      ...(reply && {
        content: {
          'application/json': { schema: reply, example: example?.reply },
          ...(route.streams && { 'text/event-stream': { schema: z.string(), example: example?.stream } }),
        },
      }),
    },
    ...(route.dryRun && {
      200: {
        description: 'With `dry_run=true`: what would be. Nothing is stored.',
        headers: successHeaders({ revised, waits: false }),
        content: { 'application/json': { schema: dryRunReplySchema, example: example?.dryRun } },
      },
    }),
  };
}

/** The ids in a path; those of the example's are examples. */
function pathParameters(path: string, example: RouteExample | undefined): Record<string, z.ZodType> {
  const values = example?.path.split('/') ?? [];
  const places = path.split('/').map((part, index) => [/^\{(\w+)\}$/.exec(part)?.[1], values[index]] as const);
  return Object.fromEntries(
    places.flatMap(([name, value]) =>
      name === undefined ? [] : [[name, uuidSchema.meta({ description: pathIds[name], example: value })]],
    ),
  );
}

function requestHeaders({ method, revised, conditional, streams }: Route): Record<string, z.ZodType> {
  const changes = method !== 'get';
  return {
    ...(changes && { 'Idempotency-Key': idempotencyKey }),
    ...(changes && revised && { Prefer: prefer }),
    ...(conditional && { 'If-Match': ifMatch }),
    ...(streams && { 'Last-Event-ID': lastEventId }),
  };
}
