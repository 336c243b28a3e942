import { Hono, type Context } from 'hono';
import { dryRunQuerySchema } from '#shared/contract/dry-run.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { authenticate, requireScope } from '../http/authenticate.ts';
import type { RateLimits } from '../http/rate-limits.ts';
import { parseInput } from '../http/read-input.ts';
import { answerErrors, countRequest, requestScope, type RequestMetrics } from '../http/request-scope.ts';
import { openApiDocument } from './docs/openapi.ts';
import { docsPaths, serveDocs } from './docs/serve-docs.ts';
import { entityTag } from './endpoints/if-match.ts';
import type { Answer } from './endpoints/region-context.ts';
import { apiRoutes } from './routes/operations.ts';
import { heldAnswer, waitOf } from './routes/prefer-wait.ts';
import { idempotencyKeyForm, type ApiApp, type ApiEnv, type Route, type RouteOptions } from './routes/route.ts';

/** What the app is made of. */
export interface AppOptions extends RouteOptions {
  log: Logger;
  metrics: RequestMetrics;
  limits: RateLimits;
}

/** The handler chain, in order: request id, log and metrics, authentication, operation; errors are rendered at the end. */
export function createApp(options: AppOptions): ApiApp {
  const { context, lookup, log } = options;
  const { clock } = context;
  const app: ApiApp = new Hono<ApiEnv>();
  const document = openApiDocument();
  app.use(requestScope<ApiEnv>(clock, log, options.metrics));
  serveDocs(app, document);
  for (const path of docsPaths) app.all(path, () => refuseMethod(['GET']));
  for (const [path, routes] of byPath()) {
    for (const route of routes)
      app.on(route.method.toUpperCase(), path, async (c) => {
        c.set('operation', route.operationId);
        const principal = authenticate(c.req.header('authorization'), lookup, clock.now());
        countRequest(c, options.limits, principal.tokenId);
        const idempotencyKey = idempotencyKeyOf(c.req.header('idempotency-key'));
        requireScope(principal, route.scope);
        const dryRun = dryRunOf(c.req.queries('dry_run') ?? [], route);
        c.set('call', { principal, requestId: c.get('requestId'), idempotencyKey, dryRun });
        const answer = await route.handle(c, options);
        return answer instanceof Response ? answer : send(c, await preferred(c, answer, context));
      });
    app.all(path, () => refuseMethod(routes.map(({ method }) => method.toUpperCase())));
  }
  answerErrors(app, log);
  return app;
}

/** The routes of each path, as Hono writes it; fixed ones first, which are no ids of endpoints. */
function byPath(): [path: string, routes: Route[]][] {
  const routes = Map.groupBy(apiRoutes, ({ path }) => path.replaceAll(/\{(\w+)\}/g, ':$1'));
  return [...routes].toSorted(([left], [right]) => Number(left.includes(':')) - Number(right.includes(':')));
}

function refuseMethod(allow: string[]): never {
  throw new AppError('method_not_allowed', { details: { allow: allow.join(', ') } });
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

/**
 * Whether a change is to be tried out. What has no dry run is refused rather than carried out, and so is what is neither
 * true nor false.
 * @throws AppError `unprocessable`, `bad_request`.
 */
function dryRunOf(given: string[], route: Route): boolean {
  if (route.method === 'get' || given.length === 0) return false;
  if (route.dryRun)
    return parseInput(dryRunQuerySchema, { dry_run: given.length > 1 ? given : given[0] }).dry_run === 'true';
  if (given.every((value) => value === 'false')) return false;
  throw new AppError('bad_request', {
    message: 'This operation has no dry run. Nothing has been done.',
    problems: [{ path: 'dry_run', message: 'is known to create, PATCH and changes of the engine alone' }],
  });
}

/** The Idempotency-Key header. @throws AppError `bad_request`. */
function idempotencyKeyOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (idempotencyKeyForm.test(text)) return text;
  throw new AppError('bad_request', {
    message: 'The Idempotency-Key must be 1 to 255 printable ASCII characters.',
    problems: [{ path: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }],
  });
}
