import { randomUUID } from 'node:crypto';
import type { Context, Env, MiddlewareHandler } from 'hono';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';

/** What the middleware leaves for handlers. `operation` is theirs to name. */
export interface ScopeVariables {
  requestId: string;
  operation: string;
}

/** One answered request, as it is logged. */
export interface AnsweredRequest {
  requestId: string;
  method: string;
  path: string;
  status: number;
  durationMs: number;
}

/** What the middleware needs; `onAnswer` is for metrics. */
export interface RequestScopeOptions {
  clock: Clock;
  log: Logger;
  onAnswer: (operation: string, request: AnsweredRequest) => void;
}

/** Gives every request an id (the client's own when it is plain), shows it in every reply, logs and measures. */
export function requestScope<E extends Env & { Variables: ScopeVariables }>(
  options: RequestScopeOptions,
): MiddlewareHandler<E> {
  const { clock, log, onAnswer } = options;
  return async (c: Context<E>, next) => {
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
    c.set('requestId', requestId);
    c.set('operation', 'other');
    const startedAt = clock.monotonic();
    await next();
    c.header('x-request-id', requestId);
    const durationMs = Math.round((clock.monotonic() - startedAt) * 10) / 10;
    const answered = { requestId, method: c.req.method, path: c.req.path, status: c.res.status, durationMs };
    onAnswer(c.get('operation'), answered);
    log.info(answered, 'request.answered');
  };
}
