import { Hono, type Context } from 'hono';
import { AppError } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { authenticate, requireScope } from '../http/authenticate.ts';
import { answerErrors, requestScope, type RequestMetrics } from '../http/request-scope.ts';
import { heldAnswer, waitOf } from './endpoints/prefer-wait.ts';
import { entityTag } from './endpoints/if-match.ts';
import type { Answer } from './endpoints/region-context.ts';
import { apiRoutes, openApiDocument } from './routes/openapi.ts';
import type { ApiApp, ApiEnv, RouteOptions } from './routes/route.ts';

/** What the app is made of. */
export interface AppOptions extends RouteOptions {
  log: Logger;
  metrics: RequestMetrics;
}

/** The handler chain, in order: request id, log and metrics, authentication, operation; errors are rendered at the end. */
export function createApp(options: AppOptions): ApiApp {
  const { context, lookup, log } = options;
  const { clock } = context;
  const app: ApiApp = new Hono<ApiEnv>();
  const document = openApiDocument();
  const allowed = new Map<string, string[]>();
  app.use(requestScope<ApiEnv>(clock, log, options.metrics));
  app.get('/openapi.json', (c) => c.json(document));
  allowed.set('/openapi.json', ['GET']);
  for (const route of apiRoutes) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
    const method = route.method.toUpperCase();
    allowed.set(path, [...(allowed.get(path) ?? []), method]);
    app.on(method, path, async (c) => {
      c.set('operation', route.operationId);
      const principal = authenticate(c.req.header('authorization'), lookup, clock.now());
      const idempotencyKey = idempotencyKeyOf(c.req.header('idempotency-key'));
      requireScope(principal, route.scope);
      c.set('call', { principal, requestId: c.get('requestId'), idempotencyKey });
      const answer = await route.handle(c, options);
      return answer instanceof Response ? answer : send(c, await preferred(c, answer, context));
    });
  }
  for (const [path, methods] of allowed)
    app.all(path, () => {
      throw new AppError('method_not_allowed', { details: { allow: methods.join(', ') } });
    });
  answerErrors(app, log);
  return app;
}

/** What `Prefer: wait=N` makes of the answer to a change. */
async function preferred(
  c: Context<ApiEnv>,
  answer: Answer<unknown>,
  context: RouteOptions['context'],
): Promise<Answer<unknown>> {
  const seconds = waitOf(c.req.header('prefer'));
  if (seconds === undefined || answer.status !== 202 || answer.revision === null) return answer;
  c.header('preference-applied', `wait=${seconds}`);
  const endpointId = c.req.param('id')?.toLowerCase() ?? '';
  return heldAnswer(context, answer, { endpointId, seconds, signal: c.req.raw.signal });
}

/** Sends a use case's answer; those of deletes are empty. */
function send(c: Context<ApiEnv>, { status, body, revision }: Answer<unknown>): Response {
  if (revision !== null) c.header('etag', entityTag(revision));
  if (body === null || status === 204) return c.body(null, status);
  c.header('content-type', 'application/json');
  return c.body(JSON.stringify(body), status);
}

/** The Idempotency-Key header. @throws AppError `bad_request`. */
function idempotencyKeyOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (/^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(text)) return text;
  throw new AppError('bad_request', {
    message: 'The Idempotency-Key must be 1 to 255 printable ASCII characters.',
    problems: [{ path: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }],
  });
}
