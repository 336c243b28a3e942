import type { AppError } from '#shared/contract/errors.ts';

/** Longest `Retry-After`: SDKs ignore longer ones and retry at once (openai 7.57, seconds > 60). */
const retryAfterMaxMs = 60_000;

/** An error as OpenAI's clients read it. */
export interface OpenAiError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

/** The body of an error. */
export function openAiError(error: AppError): OpenAiError {
  return {
    error: { message: error.publicMessage, type: typeOf(error.status), param: error.param ?? null, code: error.code },
  };
}

/** Headers that tell an SDK whether and when to try again. */
export function retryHeaders(error: AppError): Record<string, string> {
  if (!error.retryable) return { 'x-should-retry': 'false' };
  if (error.status !== 503 && error.status !== 429) return {};
  const afterMs = Math.min(retryAfterMaxMs, error.retryAfterMs ?? 1000);
  return { 'retry-after': String(Math.max(1, Math.ceil(afterMs / 1000))) };
}

function typeOf(status: number): string {
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
