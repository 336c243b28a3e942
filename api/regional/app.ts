import { Hono } from 'hono';
import { authenticate } from '../http/authenticate.ts';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import { errorResponse } from '../http/error-reply.ts';
import type { ApiTokenDocument } from '#shared/contract/identity.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { requestScope } from '../http/request-scope.ts';
import type { ApiMetrics } from './commit/metrics.ts';
import { apiRoutes, openApiDocument } from './routes/openapi.ts';
import { idempotencyKeyOf, send, type ApiApp, type ApiEnv, type RouteOptions } from './routes/route.ts';

/** Finds an API token's document. @throws AppError `unavailable` while the tokens are not yet known. */
export type TokenLookup = (token: string) => ApiTokenDocument | undefined;

/** What the app is made of. */
export interface AppOptions extends RouteOptions {
  lookup: TokenLookup;
  clock: Clock;
  log: Logger;
  metrics: ApiMetrics;
}

/** The handler chain, in order: request id, log and metrics, authentication, operation; errors are rendered at the end. */
export function createApp(options: AppOptions): ApiApp {
  const app: ApiApp = new Hono<ApiEnv>();
  const document = openApiDocument();
  const allowed = new Map<string, string[]>();
  app.use(
    requestScope<ApiEnv>({
      clock: options.clock,
      log: options.log,
      onAnswer: (operation, { status, durationMs }) => {
        options.metrics.requests.inc({ operation, status: String(status) });
        options.metrics.requestSeconds.observe({ operation }, durationMs / 1000);
      },
    }),
  );
  app.get('/openapi.json', (c) => c.json(document));
  allowed.set('/openapi.json', ['GET']);
  for (const route of apiRoutes) {
    const path = route.doc.path.replace('{id}', ':id');
    allowed.set(path, [...(allowed.get(path) ?? []), route.doc.method.toUpperCase()]);
    app.on(route.doc.method.toUpperCase(), path, async (c) => {
      c.set('operation', route.doc.operationId ?? 'other');
      const { lookup, clock } = options;
      const principal = authenticate({ authorization: c.req.header('authorization'), lookup, now: clock.now() });
      const idempotencyKey = idempotencyKeyOf(c.req.header('idempotency-key'));
      c.set('call', { principal, requestId: c.get('requestId'), idempotencyKey });
      return send(c, await route.handle(c, options));
    });
  }
  for (const [path, methods] of allowed)
    app.all(path, () => {
      throw new AppError('method_not_allowed', { details: { allow: methods.join(', ') } });
    });
  app.notFound((c) => errorResponse(new AppError('unknown_route'), c.get('requestId')));
  app.onError((error, c) => {
    const known = toAppError(error);
    if (known.status >= 500)
      options.log.warn(
        { err: known.cause ?? known, code: known.code, requestId: c.get('requestId') },
        'request.failed',
      );
    return errorResponse(known, c.get('requestId'));
  });
  return app;
}
