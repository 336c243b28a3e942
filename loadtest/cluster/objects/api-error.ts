import type { JsonObject } from './object.ts';

/** As a message names a kind. */
export interface KindName {
  group: string;
  kind: string;
  plural: string;
}

export type Cause = { reason: string; message: string; field: string };

/** A failure as a Kubernetes client sees it; `toStatus` is the body of the answer. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly code: number;
  readonly reason: string;
  readonly details: JsonObject | undefined;

  constructor(code: number, reason: string, text: { message: string; details?: JsonObject }) {
    super(text.message);
    this.code = code;
    this.reason = reason;
    this.details = text.details;
  }

  toStatus(): JsonObject {
    const { code, reason, message, details } = this;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason: reason || undefined,
      details,
      code,
    };
  }
}

const qualified = (kind: KindName): string => (kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`);
const about = (kind: KindName, name: string): JsonObject => ({
  name,
  ...(kind.group === '' ? {} : { group: kind.group }),
  kind: kind.plural,
});

export function notFound(kind: KindName, name: string): ApiError {
  return new ApiError(404, 'NotFound', {
    message: `${qualified(kind)} "${name}" not found`,
    details: about(kind, name),
  });
}

export function alreadyExists(kind: KindName, name: string): ApiError {
  const message = `${qualified(kind)} "${name}" already exists`;
  return new ApiError(409, 'AlreadyExists', { message, details: about(kind, name) });
}

export function conflict(kind: KindName, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`;
  return new ApiError(409, 'Conflict', { message, details: about(kind, name) });
}

/** 409 of a server-side apply: one cause per field that another manager holds. */
export function applyConflict(causes: Cause[]): ApiError {
  const listed = causes.map(({ message, field }) => `${message}: ${field}`).join('\n- ');
  const count = `${causes.length} conflict${causes.length === 1 ? '' : 's'}`;
  const message = `Apply failed with ${count}: ${causes.length === 1 ? listed : `conflicts:\n- ${listed}`}`;
  return new ApiError(409, 'Conflict', { message, details: { causes } });
}

export function invalid(kind: KindName, name: string, causes: Cause[]): ApiError {
  const shown = causes.map(({ field, message }) => `${field}: ${message}`);
  const list = shown.length === 1 ? shown[0] : `[${shown.join(', ')}]`;
  const title = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const details = { ...about(kind, name), kind: kind.kind, causes };
  return new ApiError(422, 'Invalid', { message: `${title} "${name}" is invalid: ${list}`, details });
}

export function forbidden(kind: KindName, name: string, refusal: { why: string; causes?: Cause[] }): ApiError {
  const message = `${qualified(kind)} "${name}" is forbidden: ${refusal.why}`;
  const causes = refusal.causes === undefined ? {} : { causes: refusal.causes };
  return new ApiError(403, 'Forbidden', { message, details: { ...about(kind, name), ...causes } });
}

/** 422 of an admission policy. */
export function denied(kind: KindName, name: string, why: string): ApiError {
  const details = { ...about(kind, name), causes: [{ reason: 'Invalid', message: why, field: '' }] };
  return new ApiError(422, 'Invalid', { message: `${qualified(kind)} "${name}" is forbidden: ${why}`, details });
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', { message });
}

export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', { message });
}

/** Whatever this server does not do it refuses by name: a guess would let a wrong client pass its tests. */
export function notServed(what: string): ApiError {
  const message = `The embedded cluster does not do this: ${what}. Use a real cluster, or add it together with a point in kubernetes.contract.ts.`;
  return new ApiError(501, 'NotImplemented', { message });
}
