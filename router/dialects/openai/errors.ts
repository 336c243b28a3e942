import type { ErrorCode } from '#shared/contract/errors.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { EngineAnswer, ErrorVoice, ToldError } from '../dialect.ts';
import { answerOf, keptWords, messageOf, oneLine, refusalOf } from '../engine-words.ts';
import { retryHeaders } from '../retry-headers.ts';

/** The last event of every stream. */
export const endMark = Buffer.from('data: [DONE]\n\n');

/** Errors as OpenAI's clients read them. */
export const errors: ErrorVoice = {
  told: (error, { original }) => {
    const { status, code, publicMessage: message, param } = error;
    return { status, headers: headersOf(error), body: bodyOf({ message, status, param, code, original }) };
  },
  relayed,
  streamEnd: (body) => Buffer.concat([Buffer.from('data: '), oneLine(body), Buffer.from('\n\n'), endMark]),
  tells: (body) => !body.includes('"choices"') && tellsError(parseJson(body.toString())),
  answerOf,
};

/**
 * An error in any of the shapes of `messageOf`; what has a choice is an answer, unless its member `error` says something:
 * `false` and "" beside content are none, as OpenAI's SDKs read them too.
 */
export function tellsError(value: unknown): boolean {
  if (!isRecord(value)) return false;
  if (value['error']) return true;
  return value['choices'] === undefined && (value['object'] === 'error' || messageOf(value) !== '');
}

function relayed(answer: EngineAnswer): ToldError {
  const { status, body, retryAfterMs } = answer;
  const headers = headersOf({ status, retryable: status >= 500 || status === 429, retryAfterMs });
  const value = parseJson(body.toString());
  const isOurs = isRecord(value) && isRecord(value['error']) && typeof value['error']['message'] === 'string';
  return { status, headers, body: isOurs ? body : bodyOf({ ...refusalOf(answer), status, original: body }) };
}

function bodyOf(parts: {
  message: string;
  status: number;
  param?: string | undefined;
  code: ErrorCode;
  original?: Buffer | undefined;
}): Buffer {
  const { message, status, param = null, code, original } = parts;
  const kept = original === undefined || original.length === 0 ? {} : { original: keptWords(original) };
  return Buffer.from(JSON.stringify({ error: { message, type: typeOf(status), param, code, ...kept } }));
}

function headersOf(error: Parameters<typeof retryHeaders>[0]): Record<string, string> {
  return { 'content-type': 'application/json', ...retryHeaders(error) };
}

function typeOf(status: number): string {
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
