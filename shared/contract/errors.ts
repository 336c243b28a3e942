/** One row of the table: HTTP status, whether the same request may succeed later, and the default public sentence. */
interface ErrorRow {
  status: number;
  retryable: boolean;
  message: string;
}

/**
 * The closed table of everything a client can be told. Renderers per dialect (management, OpenAI) read it; codes are
 * never reused with another meaning.
 */
export const errorTable = {
  bad_request: { status: 400, retryable: false, message: 'The request could not be understood.' },
  invalid_path: { status: 400, retryable: false, message: 'The path is not in its plain form.' },
  invalid_body: { status: 400, retryable: false, message: 'The body is not a JSON object.' },
  parameter_above_limit: { status: 400, retryable: false, message: 'A parameter is above the limit of this endpoint.' },
  context_length_exceeded: { status: 400, retryable: false, message: 'The prompt is longer than the model’s context.' },
  ambiguous_body: { status: 400, retryable: false, message: 'A routing key of the body is repeated or escaped.' },
  unauthorized: { status: 401, retryable: false, message: 'Unable to authenticate you.' },
  invalid_api_key: { status: 401, retryable: false, message: 'The token is missing, unknown, expired or revoked.' },
  forbidden: { status: 403, retryable: false, message: 'You do not have access for the attempted action.' },
  model_not_allowed: { status: 403, retryable: false, message: 'This token may not use the model.' },
  not_found: { status: 404, retryable: false, message: 'The resource you requested could not be found.' },
  unknown_route: { status: 404, retryable: false, message: 'This route is not served here.' },
  model_not_found: { status: 404, retryable: false, message: 'The model is not served by this endpoint.' },
  method_not_allowed: { status: 405, retryable: false, message: 'This method is not allowed here.' },
  header_timeout: { status: 408, retryable: true, message: 'The head of the request did not arrive in time.' },
  body_timeout: { status: 408, retryable: true, message: 'The body of the request did not arrive in time.' },
  conflict: { status: 409, retryable: true, message: 'Somebody else changed the resource at the same time.' },
  name_taken: { status: 409, retryable: false, message: 'An endpoint with this name exists in the team.' },
  endpoint_deleting: { status: 409, retryable: false, message: 'The endpoint is being deleted.' },
  endpoint_not_active: { status: 409, retryable: false, message: 'The endpoint takes no requests any more.' },
  version_mismatch: { status: 412, retryable: false, message: 'The resource has changed since it was read.' },
  request_too_large: { status: 413, retryable: false, message: 'The body is larger than this endpoint accepts.' },
  unsupported_media_type: { status: 415, retryable: false, message: 'Send the body as application/json.' },
  websocket_not_served: {
    status: 426,
    retryable: false,
    message: 'WebSockets are not served here: send the request by HTTP.',
  },
  unprocessable: { status: 422, retryable: false, message: 'The request is well formed but cannot be accepted.' },
  idempotency_mismatch: { status: 422, retryable: false, message: 'This Idempotency-Key was used with another body.' },
  header_too_large: { status: 431, retryable: false, message: 'The request headers are too large.' },
  rate_limit_exceeded: { status: 429, retryable: true, message: 'Too many of your requests at once.' },
  too_many_requests: { status: 429, retryable: true, message: 'API rate limit exceeded.' },
  overloaded: { status: 503, retryable: true, message: 'The service has no room for this request right now.' },
  server_error: { status: 500, retryable: false, message: 'Unexpected server-side error' },
  upstream_error: { status: 502, retryable: true, message: 'The model server failed.' },
  upstream_disconnected: { status: 502, retryable: true, message: 'The model server was lost while it answered.' },
  endpoint_starting: { status: 503, retryable: true, message: 'The endpoint is starting.' },
  no_replica: { status: 503, retryable: true, message: 'No replica of this model can take the request right now.' },
  outcome_unknown: { status: 503, retryable: true, message: 'It is not known whether the change was stored.' },
  store_full: { status: 503, retryable: true, message: 'The region takes no more endpoints right now.' },
  unavailable: { status: 503, retryable: true, message: 'A part that is needed for this is not reachable right now.' },
  region_unavailable: { status: 503, retryable: true, message: 'The region does not answer.' },
  timeout: { status: 504, retryable: true, message: 'The request was not finished in time.' },
} as const satisfies Record<string, ErrorRow>;

/** A key of the table. */
export type ErrorCode = keyof typeof errorTable;

/** The codes for bytes from which no request could be read, by the status that says what is wrong with them. */
export const unreadableCodes = {
  400: 'bad_request',
  408: 'header_timeout',
  431: 'header_too_large',
} as const satisfies Record<number, ErrorCode>;

/** One problem of an input, with its path (`spec.model_deployments.0.accelerators`) and what would fit. */
export interface InputProblem {
  path: string;
  message: string;
}

/** Extra parts of an error: all of it may be shown to the client, except `cause`. */
export interface ErrorParts {
  message?: string;
  problems?: InputProblem[];
  retryAfterMs?: number;
  param?: string;
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** The one error that may reach a client. Everything else becomes `server_error` at the edge. */
export class AppError extends Error {
  override name = 'AppError';
  readonly code: ErrorCode;
  readonly publicMessage: string;
  readonly problems: InputProblem[];
  readonly retryAfterMs: number | undefined;
  readonly param: string | undefined;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, parts: ErrorParts = {}) {
    const publicMessage = parts.message ?? errorTable[code].message;
    super(`${code}: ${publicMessage}`, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = code;
    this.publicMessage = publicMessage;
    this.problems = parts.problems ?? [];
    this.retryAfterMs = parts.retryAfterMs;
    this.param = parts.param;
    this.details = parts.details ?? {};
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

/** Turns whatever was thrown into an AppError; what is not one becomes `server_error` with the original as cause. */
export function toAppError(error: unknown): AppError {
  return error instanceof AppError ? error : new AppError('server_error', { cause: error });
}
