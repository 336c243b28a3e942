import { randomUUID } from 'node:crypto';
import type { Context, Env, Hono, MiddlewareHandler } from 'hono';
import { Counter, Histogram, type Registry } from 'prom-client';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { ServeOptions } from '#shared/runtime/http/http-server.ts';
import { errorResponse, renderText } from './error-reply.ts';
import type { RateLimits, RateState } from './rate-limits.ts';
import type { ServerSettings } from './server-settings.ts';

/** What the middleware leaves for handlers. `operation` is theirs to name. */
export interface ScopeVariables {
  requestId: string;
  operation: string;
  /** What the caller's API token has left, once it is known. */
  rate?: RateState;
}

/** Instruments of the requests that one server answers. */
export interface RequestMetrics {
  requests: Counter<'operation' | 'status'>;
  requestSeconds: Histogram<'operation'>;
}

/** Makes them under the server's name: `fairway_<name>_requests_total`. */
export function createRequestMetrics(registry: Registry, name: 'api' | 'central'): RequestMetrics {
  const registers = [registry];
  return {
    requests: new Counter({
      name: `fairway_${name}_requests_total`,
      help: 'Requests by operation and HTTP status.',
      labelNames: ['operation', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: `fairway_${name}_request_seconds`,
      help: 'Time from the first byte of a request to its answer.',
      labelNames: ['operation'],
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
      registers,
    }),
  };
}

/** How a server in the management dialect serves; what its bounds refuse is counted: `fairway_<name>_http_refused_total`. */
export function serveOptions(registry: Registry, name: 'api' | 'central', config: ServerSettings): ServeOptions {
  const refused = new Counter({
    name: `fairway_${name}_http_refused_total`,
    help: 'Connections and requests beyond FAIRWAY_CONNECTIONS_MAX and FAIRWAY_REQUESTS_MAX.',
    labelNames: ['what'],
    registers: [registry],
  });
  return {
    host: config.FAIRWAY_HOST,
    port: config.FAIRWAY_PORT,
    drainTimeoutMs: config.FAIRWAY_DRAIN_TIMEOUT_MS,
    keepAliveMs: config.FAIRWAY_KEEP_ALIVE_MS,
    lingerMs: config.FAIRWAY_LINGER_MS,
    bounds: {
      connectionsMax: config.FAIRWAY_CONNECTIONS_MAX,
      requestsMax: config.FAIRWAY_REQUESTS_MAX,
      refuse: (what) => {
        refused.inc({ what });
        return renderText(new AppError('overloaded', { retryAfterMs: 2000 }), randomUUID());
      },
    },
  };
}

/** Longest path that is logged, characters. */
const loggedPathMax = 256;

type ScopeEnv = Env & { Variables: ScopeVariables };

/** Gives every request an id (the client's own when it is plain), shows it in every reply, logs and measures. */
export function requestScope<E extends ScopeEnv>(
  clock: Clock,
  log: Logger,
  metrics: RequestMetrics,
): MiddlewareHandler<E> {
  return async (c: Context<E>, next) => {
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
    c.set('requestId', requestId);
    c.set('operation', 'other');
    const startedAt = clock.monotonic();
    await next();
    c.header('x-request-id', requestId);
    showRate(c);
    const durationMs = Math.round((clock.monotonic() - startedAt) * 10) / 10;
    const { status } = c.res;
    metrics.requests.inc({ operation: c.get('operation'), status: String(status) });
    metrics.requestSeconds.observe({ operation: c.get('operation') }, durationMs / 1000);
    log.info(
      { requestId, method: c.req.method, path: c.req.path.slice(0, loggedPathMax), status, durationMs },
      'request.answered',
    );
  };
}

/** Counts a request of an API token; its reply shows what is left. @throws AppError `too_many_requests`. */
export function countRequest<E extends ScopeEnv>(c: Context<E>, limits: RateLimits, tokenId: string): void {
  const { state, refusal } = limits.take(tokenId);
  c.set('rate', state);
  if (refusal !== null) throw refusal;
}

/** DigitalOcean's three headers; behind a front door the smaller number counts. */
function showRate<E extends ScopeEnv>(c: Context<E>): void {
  const rate: RateState | undefined = c.get('rate');
  const behind = c.res.headers.get('ratelimit-remaining');
  if (rate === undefined || (behind !== null && Number(behind) < rate.remaining)) return;
  c.header('ratelimit-limit', String(rate.limit));
  c.header('ratelimit-remaining', String(rate.remaining));
  c.header('ratelimit-reset', String(rate.resetAt));
}

/** The end of a server's chain: unknown routes, and whatever was thrown. */
export function answerErrors<E extends ScopeEnv>(app: Hono<E>, log: Logger): void {
  app.notFound((c) => errorResponse(new AppError('unknown_route'), c.get('requestId'), c.req.header('accept')));
  app.onError((error, c) => {
    const known = toAppError(error);
    const requestId: string = c.get('requestId');
    if (known.status >= 500) log.warn({ err: known.cause ?? known, code: known.code, requestId }, 'request.failed');
    return errorResponse(known, requestId, c.req.header('accept'));
  });
}
