import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { EngineAnswer, ErrorVoice, Retry } from '../dialect.ts';

/** Longest `Retry-After`: SDKs ignore longer ones and retry at once (openai 7.57, seconds > 60). */
const retryAfterMaxMs = 60_000;
/** Longest text of an engine that is kept inside an error. */
const originalBytesMax = 16 * 1024;
const badRequest = /invalid_?request|bad_?request|context_length|exceed_context/i;
const tooMany = /rate_?limit|too_?many|overloaded/i;

/** The last event of every stream. */
export const endMark = Buffer.from('data: [DONE]\n\n');

/** Errors as OpenAI's clients read them. */
export const errors: ErrorVoice = {
  body: (error, original) =>
    bodyOf({ message: error.publicMessage, status: error.status, param: error.param, code: error.code, original }),
  headers,
  relayed,
  streamEnd: (body) => Buffer.concat([Buffer.from('data: '), oneLine(body), Buffer.from('\n\n'), endMark]),
  tells: (body) => !body.includes('"choices"') && tellsError(parseJson(body.toString())),
  answerOf,
};

function bodyOf(parts: {
  message: string;
  status: number;
  param?: string | undefined;
  code: string;
  original?: Buffer | undefined;
}): Buffer {
  const { message, status, param = null, code, original } = parts;
  const kept = original === undefined || original.length === 0 ? {} : { original: originalOf(original) };
  return Buffer.from(JSON.stringify({ error: { message, type: typeOf(status), param, code, ...kept } }));
}

/** `x-should-retry` is a word of the SDKs; 503 and 429 always say when. */
function headers({ status, retryable, retryAfterMs }: Retry): Record<string, string> {
  if (!retryable) return { 'x-should-retry': 'false' };
  if (retryAfterMs === undefined && status !== 503 && status !== 429) return { 'x-should-retry': 'true' };
  const afterMs = Math.min(retryAfterMaxMs, retryAfterMs ?? 1000);
  return { 'x-should-retry': 'true', 'retry-after': String(Math.max(1, Math.ceil(afterMs / 1000))) };
}

function relayed(answer: EngineAnswer): Buffer {
  const { status, body } = answer;
  const value = parseJson(body.toString());
  if (isRecord(value) && isRecord(value['error']) && typeof value['error']['message'] === 'string') return body;
  const said = value === undefined ? body.toString('utf8', 0, 300) : messageOf(value);
  const message =
    value !== undefined && said !== '' ? said : `The model server answered ${status}${said && `: ${said}`}`;
  const busy = status === 429 || status === 503;
  const code = busy ? 'overloaded' : status >= 500 ? 'upstream_error' : 'bad_request';
  return bodyOf({ message, status, code, original: body });
}

/** Three shapes are usual, `{error: {message}}`, `{error}`, `{detail}`; `{object: "error", message}` is older. */
function messageOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(messageOf).filter(Boolean).join('; ').slice(0, 1000);
  if (!isRecord(value)) return '';
  for (const key of ['message', 'error', 'detail', 'msg']) {
    const said = messageOf(value[key]);
    if (said !== '') return said;
  }
  return '';
}

/**
 * An error in any of the shapes of `messageOf`; what has a choice is an answer, unless its member `error` says something:
 * `false` and "" beside content are none, as OpenAI's SDKs read them too.
 */
export function tellsError(value: unknown): boolean {
  if (!isRecord(value)) return false;
  if (value['error']) return true;
  return value['choices'] === undefined && (value['object'] === 'error' || messageOf(value) !== '');
}

/** The status stands inside of `error`, beside it, or at the top where there is no such member. */
function answerOf(told: Buffer): EngineAnswer {
  const value = parseJson(told.toString());
  const whole = isRecord(value) ? value : {};
  const about = isRecord(whole['error']) ? whole['error'] : whole;
  const codes = [about, whole].flatMap((one) => [one['code'], one['status_code'], one['status']]).map(Number);
  const words = `${String(about['type'])} ${String(about['code'])}`;
  const named = tooMany.test(words) ? 429 : badRequest.test(words) ? 400 : 502;
  const status = codes.find((code) => code >= 400 && code <= 599) ?? named;
  return { status, contentType: 'application/json', body: told };
}

function originalOf(original: Buffer): unknown {
  const text = original.toString('utf8', 0, originalBytesMax);
  return original.length > originalBytesMax ? text : (parseJson(text) ?? text);
}

/** An event's data is one line: in JSON a line end stands between tokens only. */
function oneLine(body: Buffer): Buffer {
  return body.includes(0x0a) || body.includes(0x0d) ? Buffer.from(body.toString().replaceAll(/[\r\n]+/g, ' ')) : body;
}

function typeOf(status: number): string {
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
