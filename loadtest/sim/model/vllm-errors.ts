/** A refusal in one of the three shapes that vLLM 0.32 answers with; thrown by readers, rendered by the server. */
export class VllmError extends Error {
  override name = 'VllmError';
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown, message: string) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** The parts of an error object; `type` follows vLLM's spelling for that status. */
export interface ErrorParts {
  readonly status: number;
  readonly message: string;
  readonly type: string;
  readonly param?: string;
}

/** The usual shape: `{"error":{"message","type","param","code"}}`. */
export function objectError({ status, message, type, param }: ErrorParts): VllmError {
  return new VllmError(status, { error: { message, type, param: param ?? null, code: status } }, message);
}

/** A parameter that is there but not acceptable. */
export function badParameter(param: string, value: unknown, message: string): VllmError {
  const text = `${message} (parameter=${param}, value=${JSON.stringify(value)})`;
  return objectError({ status: 400, message: text, type: 'BadRequestError', param });
}

/** A body that does not have the request's form: `where` as `body.messages`. */
export function invalidBody(where: string, kind: string, message: string): VllmError {
  const text = `1 validation error:\n  {'type': '${kind}', 'loc': '${where}', 'msg': '${message}'}`;
  return objectError({ status: 400, message: text, type: 'Bad Request', param: where });
}

/** 401: the error is a string, not an object. */
export function unauthorized(): VllmError {
  return new VllmError(401, { error: 'Unauthorized' }, 'Unauthorized');
}

/** 404 and 405: FastAPI's own shape. */
export function routeError(status: 404 | 405): VllmError {
  const detail = status === 404 ? 'Not Found' : 'Method Not Allowed';
  return new VllmError(status, { detail }, detail);
}

/** 503 of a full queue (vLLM's --max-num-queued-reqs); it comes without Retry-After. */
export function overloaded(): VllmError {
  const message =
    'The engine is currently busy and cannot accept new requests. Please try again later or on a different instance.';
  return objectError({ status: 503, message, type: 'Service Unavailable' });
}

/** What a dead EngineCore says: as a reply with 500, or as a frame inside a running stream. */
export function engineDead(): VllmError {
  const message = 'EngineCore encountered an issue. See stack trace (above) for the root cause.';
  return objectError({ status: 500, message, type: 'InternalServerError' });
}
