import { STATUS_CODES } from 'node:http';
import { AppError, errorTable, unreadableCodes } from '#shared/contract/errors.ts';
import type { ClientErrorStatus } from '#shared/runtime/http/client-errors.ts';
import type { ErrorReply, ProblemReply } from '#shared/contract/resource.ts';

/** An error of the management API, ready to be sent. */
export interface RenderedError {
  status: number;
  headers: Record<string, string>;
  body: ErrorReply;
}

/** What a client waits before it tries again when the error does not say so itself. A 429 says it, or has no such time. */
const retryAfterDefaultMs = 1000;

/** Statuses on which clients look for Retry-After. Never on 403 or 409: pydo repeats whatever carries it. */
const waitStatuses = new Set([429, 502, 503, 504]);

/**
 * The management dialect of an error: DigitalOcean's `id`, `message` and `request_id`, every problem with its path, and
 * Retry-After in whole seconds where the same request may succeed later.
 */
export function renderError(error: AppError, requestId: string): RenderedError {
  const { status, retryable } = errorTable[error.code];
  const headers: Record<string, string> = {};
  const waitMs = error.retryAfterMs ?? (status === 429 ? undefined : retryAfterDefaultMs);
  if (retryable && waitStatuses.has(status) && waitMs !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(waitMs / 1000)));
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  const allow = error.details['allow'];
  if (status === 405 && typeof allow === 'string') headers['allow'] = allow;
  return {
    status,
    headers,
    body: {
      id: error.code,
      message: messageOf(error),
      request_id: requestId,
      ...(error.problems.length > 0 && { errors: error.problems }),
      ...(Object.keys(error.details).length > 0 && { details: error.details }),
    },
  };
}

/** Problems that a message tells. */
const toldProblemsMax = 3;

/** Clients such as doctl show the message and nothing else: it tells the first problems where it would say nothing itself. */
function messageOf({ code, publicMessage, problems }: AppError): string {
  if (problems.length === 0 || publicMessage !== errorTable[code].message) return publicMessage;
  const told = problems.slice(0, toldProblemsMax).map(({ path, message }) => `${path}: ${message}`);
  const more = problems.length > told.length ? `; and ${problems.length - told.length} more` : '';
  return `${publicMessage.replace(/\.$/, ':')} ${told.join('; ')}${more}.`;
}

/** The media type of RFC 9457, and the value by which a client asks for it. */
const problemType = 'application/problem+json';

/** With the members of RFC 9457. `type` is `about:blank` as long as no page explains the code, so `title` is the status's. */
export function problemOf({ status, body }: RenderedError): ProblemReply {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? '', status, detail: body.message, ...body };
}

/** The same as headers and text; as a problem where `accept`, the header of that name, names `application/problem+json`. */
export function renderText(
  error: AppError,
  requestId: string,
  accept = '',
): { headers: Record<string, string>; body: string } {
  const rendered = renderError(error, requestId);
  const asProblem = accept.toLowerCase().includes(problemType);
  const type = asProblem ? problemType : 'application/json';
  return {
    headers: { ...rendered.headers, 'content-type': type, 'x-request-id': requestId },
    body: JSON.stringify(asProblem ? problemOf(rendered) : rendered.body),
  };
}

/** The same as a response. */
export function errorResponse(error: AppError, requestId: string, accept?: string): Response {
  const { headers, body } = renderText(error, requestId, accept);
  return new Response(body, { status: error.status, headers });
}

/** The error for bytes that no request could be read from. */
export function unreadableRequest(status: ClientErrorStatus, requestId: string): ReturnType<typeof renderText> {
  return renderText(new AppError(unreadableCodes[status]), requestId);
}
