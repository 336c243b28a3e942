import { isRecord } from '#shared/runtime/is-record.ts';

/** One cause inside a Kubernetes Status. */
export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** `details` of a Kubernetes Status. */
export interface StatusDetails {
  name?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
  [field: string]: unknown;
}

/**
 * Any failure of a call to the API server. Reasons are Kubernetes' (`NotFound`, `Conflict`, `Expired` …) or, with
 * status 0, ours: `Unreachable`, `Timeout`, `BadResponse` (unreadable answer), `TooManyPending` (the client's own bound).
 * With `Unreachable` and `Timeout` the outcome of a write is unknown.
 */
export class KubeError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly details: StatusDetails;
  readonly retryAfterMs: number | undefined;
  readonly requestId: string | undefined;

  constructor(fields: {
    /** 0 = no answer from the server; the reason then is one of this client's own. */
    status: number;
    reason: string;
    message: string;
    details?: StatusDetails | undefined;
    retryAfterMs?: number | undefined;
    requestId?: string | undefined;
    cause?: unknown;
  }) {
    super(fields.message, { cause: fields.cause });
    this.name = 'KubeError';
    this.status = fields.status;
    this.reason = fields.reason;
    this.details = fields.details ?? {};
    this.retryAfterMs = fields.retryAfterMs;
    this.requestId = fields.requestId;
  }
}

/** Builds the error from a Kubernetes Status, or from any other body that an intermediary may have answered. */
export function kubeErrorFromStatus(origin: {
  what: string;
  httpStatus: number;
  body: unknown;
  retryAfterMs?: number | undefined;
  requestId?: string | undefined;
}): KubeError {
  const body = isRecord(origin.body) ? origin.body : {};
  const details: StatusDetails = isRecord(body['details']) ? body['details'] : {};
  const status = typeof body['code'] === 'number' ? body['code'] : origin.httpStatus;
  const reason =
    typeof body['reason'] === 'string' && body['reason'] !== '' ? body['reason'] : (reasons[status] ?? 'Unknown');
  const said = typeof body['message'] === 'string' ? body['message'] : undefined;
  const seconds = details.retryAfterSeconds;
  return new KubeError({
    status,
    reason,
    message: `${origin.what}: ${said ?? `the API server answered ${status} without a Kubernetes Status`}`,
    details,
    retryAfterMs: origin.retryAfterMs ?? (typeof seconds === 'number' ? seconds * 1000 : undefined),
    requestId: origin.requestId,
  });
}

/** `Retry-After` as milliseconds: seconds or an HTTP date; undefined when absent or unreadable. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /^\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
  const ms = Number.isNaN(seconds) ? Date.parse(value) - nowMs : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** 404: it is not there. */
export const isNotFound = (error: unknown): error is KubeError => is(error, 404);

/** 409 AlreadyExists: a create met an object of that name. */
export const isAlreadyExists = (error: unknown): error is KubeError => is(error, 409, 'AlreadyExists');

/** 409 Conflict: a precondition (uid, resourceVersion) failed, or another manager owns a field. */
export const isConflict = (error: unknown): error is KubeError => is(error, 409) && error.reason !== 'AlreadyExists';

/** 409 of an apply without force: another field manager owns a field. An ownership bug, not a race. */
export const isFieldManagerConflict = (error: unknown): error is KubeError =>
  isConflict(error) && hasCause(error, 'FieldManagerConflict');

/**
 * A uid or resourceVersion that the caller gave is not the live object's. The server says 409 Conflict, except for an
 * apply with another uid onto a living object: that is 422 `metadata.uid: field is immutable` (kube-apiserver 1.37).
 */
export const isPreconditionFailed = (error: unknown): error is KubeError =>
  (isConflict(error) && !hasCause(error, 'FieldManagerConflict')) ||
  (is(error, 422) && causes(error).some((cause) => cause.field === 'metadata.uid'));

/** 410, as an answer or inside a watch: the version has been compacted; list again. */
export const isGone = (error: unknown): error is KubeError => is(error, 410);

/** 422: refused by the schema, by the fence (a CEL rule) or by an admission policy. */
export const isInvalid = (error: unknown): error is KubeError => is(error, 422);

/** 403 because the namespace is being deleted: creates are refused until it is gone. */
export const isForbiddenTerminating = (error: unknown): error is KubeError =>
  is(error, 403) && hasCause(error, 'NamespaceTerminating');

/** 504 (older servers: 500): the asked-for version lies in the server's future; it was restored or is behind. */
export const isVersionTooLarge = (error: unknown): error is KubeError =>
  error instanceof KubeError && hasCause(error, 'ResourceVersionTooLarge');

function is(error: unknown, status: number, reason?: string): error is KubeError {
  return error instanceof KubeError && error.status === status && (reason === undefined || error.reason === reason);
}

function hasCause(error: KubeError, reason: string): boolean {
  return causes(error).some((cause) => cause.reason === reason);
}

function causes(error: KubeError): StatusCause[] {
  return Array.isArray(error.details.causes) ? error.details.causes : [];
}

const reasons: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};
