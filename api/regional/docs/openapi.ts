import { OpenAPIHono } from '@hono/zod-openapi';
import { apiRoutes, operations } from '../routes/operations.ts';
import recorded from './examples.json' with { type: 'json' };
import { failureExamples } from './failure-doc.ts';
import { headerDocs } from './header-doc.ts';
import { describeRoute, type RouteExample } from './route-doc.ts';

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
