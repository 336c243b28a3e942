import type { ErrorCode } from '#shared/contract/errors.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { EngineAnswer, ErrorVoice, ToldError } from '../dialect.ts';
import { answerOf, keptWords, messageOf, oneLine, refusalOf } from '../engine-words.ts';
import { retryHeaders } from '../retry-headers.ts';

/** Anthropic's own status for what others say with 503. */
const overloadedStatus = 529;
/** The words for a status (docs.claude.com, "Errors"); below 500 all others are `invalid_request_error`. */
const types: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [408, 'timeout_error'],
  [429, 'rate_limit_error'],
  [503, 'overloaded_error'],
  [504, 'timeout_error'],
  [overloadedStatus, 'overloaded_error'],
]);

const otherTypes = ['api_error', 'invalid_request_error', 'billing_error'];

/** Errors as Anthropic's clients read them: the table's code stands where newer SDKs look for one, in `details`. */
export const errors: ErrorVoice = {
  told: (error, { requestId, original }) => {
    const { code, publicMessage: message, param, retryable, retryAfterMs } = error;
    const status = statusOf(error.status, code);
    const body = bodyOf({ status, code, message, param, original, requestId });
    return { status, headers: headersOf({ status, retryable, retryAfterMs }), body };
  },
  relayed,
  streamEnd: (body) => Buffer.concat([Buffer.from('event: error\ndata: '), oneLine(body), Buffer.from('\n\n')]),
  // A message has content, and quotes inside of any text are escaped.
  tells: (body) => !body.includes('"content"') && tellsError(parseJson(body.toString())),
  answerOf,
};

/** An error in any of the shapes that engines use. */
export function tellsError(value: unknown): boolean {
  if (!isRecord(value)) return false;
  if (value['error']) return true;
  return value['object'] === 'error' || (value['content'] === undefined && messageOf(value) !== '');
}

function relayed(answer: EngineAnswer, requestId: string): ToldError {
  const { body: original, retryAfterMs } = answer;
  const { code, message: said } = refusalOf(answer);
  const status = statusOf(answer.status, code);
  // At these words Claude Code compacts its conversation instead of giving up.
  const message = code === 'context_length_exceeded' ? `prompt is too long: ${said}` : said;
  const headers = headersOf({ status, retryable: status >= 500 || status === 429, retryAfterMs });
  const value = parseJson(original.toString());
  const about = isRecord(value) && value['type'] === 'error' && isRecord(value['error']) ? value['error'] : {};
  // vLLM uses this shape with types of its own.
  const isOurs = [...types.values(), ...otherTypes].includes(String(about['type']));
  return { status, headers, body: isOurs ? original : bodyOf({ status, code, message, original, requestId }) };
}

function statusOf(status: number, code: ErrorCode): number {
  return status === 503 && code === 'overloaded' ? overloadedStatus : status;
}

function bodyOf(parts: {
  status: number;
  code: ErrorCode;
  message: string;
  param?: string | undefined;
  original?: Buffer | undefined;
  requestId: string;
}): Buffer {
  const { status, code, message, param, original, requestId } = parts;
  const details = {
    error_code: code,
    ...(param !== undefined && { param }),
    ...(original !== undefined && original.length > 0 && { original: keptWords(original) }),
  };
  const type = types.get(status) ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
  return Buffer.from(JSON.stringify({ type: 'error', error: { type, message, details }, request_id: requestId }));
}

function headersOf(error: Parameters<typeof retryHeaders>[0]): Record<string, string> {
  return { 'content-type': 'application/json', ...retryHeaders(error) };
}
