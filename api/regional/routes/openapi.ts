import { OpenAPIHono, type z } from '@hono/zod-openapi';
import {
  acceleratorReplySchema,
  acceleratorsReplySchema,
  caReplySchema,
  gpuModelConfigReplySchema,
  newTokenReplySchema,
  routingReplySchema,
  sealingKeyReplySchema,
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
import recorded from './examples.json' with { type: 'json' };
import { failureExamples } from './failure-doc.ts';
import { getRoute } from './get.ts';
import { headerDocs } from './header-doc.ts';
import { listRoute } from './list.ts';
import { acceleratorRoute, acceleratorsRoute, caRoute } from './parts.ts';
import { patchRoute } from './patch.ts';
import { describeRoute, type RouteExample } from './route-doc.ts';
import type { Route } from './route.ts';
import { putRoutingRoute, routingRoute } from './routing.ts';
import { sealingKeyRoute } from './sealing-key.ts';
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
  [sealingKeyRoute, sealingKeyReplySchema],
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

/** Calls of the operations, by their ids, as a region answered them: `testing/examples.it.test.ts` plays and writes them. */
const examples: Record<string, RouteExample> = recorded;

/** The OpenAPI 3.1 document, made from the same schemas that requests are read with. */
export function openApiDocument(): ReturnType<OpenAPIHono['getOpenAPI31Document']> {
  const app = new OpenAPIHono();
  const { openAPIRegistry: registry } = app;
  for (const [route, reply] of operations)
    registry.registerPath(describeRoute(route, { reply, example: examples[route.operationId] }));
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token of the team with the scopes that the operation names (`npm run admin -- token add`).',
  });
  for (const [name, header] of Object.entries(headerDocs)) registry.registerComponent('headers', name, header);
  for (const [name, example] of failureExamples(apiRoutes)) registry.registerComponent('examples', name, example);
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Fairway: dedicated inference',
      version: '1.0.0',
      description:
        'Create, scale and delete endpoints that serve a model on GPUs of your own. Shaped as DigitalOcean Dedicated Inference: its clients work with only the address changed.',
      license: { name: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'Where this document comes from.' }],
  });
}
