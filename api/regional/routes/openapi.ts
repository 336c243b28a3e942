import { OpenAPIHono, type z } from '@hono/zod-openapi';
import { dryRunReplySchema } from '#shared/contract/dry-run.ts';
import {
  acceleratorReplySchema,
  acceleratorsReplySchema,
  caReplySchema,
  gpuModelConfigReplySchema,
  newTokenReplySchema,
  routingReplySchema,
  sizesReplySchema,
  tokensReplySchema,
} from '#shared/contract/parts.ts';
import {
  createReplySchema,
  eventsReplySchema,
  listReplySchema,
  resourceReplySchema,
} from '#shared/contract/resource.ts';
import { gpuModelConfigRoute, sizesRoute } from './catalogue.ts';
import { createRoute } from './create.ts';
import { deleteRoute } from './delete.ts';
import { eventsRoute } from './events.ts';
import { getRoute } from './get.ts';
import { listRoute } from './list.ts';
import { acceleratorRoute, acceleratorsRoute, caRoute } from './parts.ts';
import { patchRoute } from './patch.ts';
import { describeRoute } from './route-doc.ts';
import type { Route } from './route.ts';
import { putRoutingRoute, routingRoute } from './routing.ts';
import { createTokenRoute, deleteTokenRoute, rotateTokenRoute, tokensRoute } from './tokens.ts';

/**
 * Every operation of the management API in the order of the document, with what it answers. Paths without an id come before
 * those in whose place one could stand.
 */
const operations: readonly [route: Route, reply?: z.ZodType][] = [
  [createRoute, createReplySchema],
  [listRoute, listReplySchema],
  [sizesRoute, sizesReplySchema],
  [gpuModelConfigRoute, gpuModelConfigReplySchema],
  [getRoute, resourceReplySchema],
  [patchRoute, resourceReplySchema],
  [deleteRoute],
  [eventsRoute, eventsReplySchema],
  [acceleratorsRoute, acceleratorsReplySchema],
  [acceleratorRoute, acceleratorReplySchema],
  [caRoute, caReplySchema],
  [tokensRoute, tokensReplySchema],
  [createTokenRoute, newTokenReplySchema],
  [rotateTokenRoute, newTokenReplySchema],
  [deleteTokenRoute],
  [routingRoute, routingReplySchema],
  [putRoutingRoute, routingReplySchema],
];

/** Every operation of the management API. */
export const apiRoutes: readonly Route[] = operations.map(([route]) => route);

/** The OpenAPI 3.1 document, made from the same schemas that requests are read with. */
export function openApiDocument(): ReturnType<OpenAPIHono['getOpenAPI31Document']> {
  const app = new OpenAPIHono();
  for (const [route, reply] of operations)
    app.openAPIRegistry.registerPath(describeRoute(route, { reply, dryRun: dryRunReplySchema }));
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Fairway: dedicated inference',
      version: '1.0.0',
      description:
        'Create, scale and delete endpoints that serve a model on GPUs of your own. Shaped as DigitalOcean Dedicated Inference.',
    },
  });
}
