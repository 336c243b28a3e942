import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { authenticate } from '#shared/contract/authenticate.ts';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import { renderError } from '#shared/contract/error-reply.ts';
import type { ApiTokenDocument } from '#shared/contract/identity.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { ApiMetrics } from './metrics.ts';
import { apiRoutes, openApiDocument } from './openapi.ts';
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
  app.use(async (c, next) => {
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
    c.set('requestId', requestId);
    c.set('operation', 'other');
    const startedAt = options.clock.monotonic();
    await next();
    c.header('x-request-id', requestId);
    tell(options, c.get('operation'), {
      requestId,
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      durationMs: Math.round((options.clock.monotonic() - startedAt) * 10) / 10,
    });
  });
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
  app.notFound((c) => answerError(new AppError('unknown_route'), c.get('requestId')));
  app.onError((error, c) => {
    const known = toAppError(error);
    if (known.status >= 500)
      options.log.warn(
        { err: known.cause ?? known, code: known.code, requestId: c.get('requestId') },
        'request.failed',
      );
    return answerError(known, c.get('requestId'));
  });
  return app;
}

function answerError(error: AppError, requestId: string): Response {
  const { status, headers, body } = renderError(error, requestId);
  return new Response(JSON.stringify(body), { status, headers: { ...headers, 'content-type': 'application/json' } });
}

function tell(
  { log, metrics }: AppOptions,
  operation: string,
  request: { requestId: string; method: string; path: string; status: number; durationMs: number },
): void {
  metrics.requests.inc({ operation, status: String(request.status) });
  metrics.requestSeconds.observe({ operation }, request.durationMs / 1000);
  log.info(request, 'request.answered');
}
