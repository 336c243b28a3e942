import type { ErrorCode } from '#shared/contract/errors.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { EngineAnswer } from './dialect.ts';

/** Longest text of an engine that is kept inside an error. */
const originalBytesMax = 16 * 1024;
const badRequest = /invalid_?request|bad_?request|context_length|exceed_context/i;
const tooMany = /rate_?limit|too_?many|overloaded/i;
/** What FastAPI (vLLM, SGLang) and llama-server say of a path that they do not have. */
const noSuchPath = /^(file )?not found$/i;
const codeOfStatus: ReadonlyMap<number, ErrorCode> = new Map([
  [403, 'forbidden'],
  [404, 'not_found'],
  [413, 'request_too_large'],
  [415, 'unsupported_media_type'],
  [422, 'unprocessable'],
]);
const tooLong = /context (length|size|window)|maximum context|context_length|exceed_context|prompt is too long/i;

/** Three shapes are usual, `{error: {message}}`, `{error}`, `{detail}`; `{object: "error", message}` is older. */
export function messageOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(messageOf).filter(Boolean).join('; ').slice(0, 1000);
  if (!isRecord(value)) return '';
  for (const key of ['message', 'error', 'detail', 'msg']) {
    const said = messageOf(value[key]);
    if (said !== '') return said;
  }
  return '';
}

/** An engine's refusal in the words of the table, with what it said itself. */
export function refusalOf({ status, body }: EngineAnswer): { code: ErrorCode; message: string } {
  const value = parseJson(body.toString());
  const said = value === undefined ? body.toString('utf8', 0, 300) : messageOf(value);
  const message =
    value !== undefined && said !== '' ? said : `The model server answered ${status}${said && `: ${said}`}`;
  if (status === 429 || status === 503) return { code: 'overloaded', message };
  if (status >= 500) return { code: 'upstream_error', message };
  if (status === 404 && noSuchPath.test(said))
    return { code: 'unknown_route', message: 'The engine of this model does not serve this route.' };
  const isTooLong = status === 400 && tooLong.test(body.toString('utf8', 0, originalBytesMax));
  return { code: isTooLong ? 'context_length_exceeded' : (codeOfStatus.get(status) ?? 'bad_request'), message };
}

/** The status stands inside of `error`, beside it, or at the top where there is no such member. */
export function answerOf(told: Buffer): EngineAnswer {
  const value = parseJson(told.toString());
  const whole = isRecord(value) ? value : {};
  const about = isRecord(whole['error']) ? whole['error'] : whole;
  const codes = [about, whole].flatMap((one) => [one['code'], one['status_code'], one['status']]).map(Number);
  const words = `${String(about['type'])} ${String(about['code'])}`;
  const named = tooMany.test(words) ? 429 : badRequest.test(words) ? 400 : 502;
  const status = codes.find((code) => code >= 400 && code <= 599) ?? named;
  return { status, contentType: 'application/json', body: told };
}

/** What an engine said, to be kept inside an error: JSON where it is some and short. */
export function keptWords(original: Buffer): unknown {
  const text = original.toString('utf8', 0, originalBytesMax);
  return original.length > originalBytesMax ? text : (parseJson(text) ?? text);
}

/** An event's data is one line: in JSON a line end stands between tokens only. */
export function oneLine(body: Buffer): Buffer {
  return body.includes(0x0a) || body.includes(0x0d) ? Buffer.from(body.toString().replaceAll(/[\r\n]+/g, ' ')) : body;
}
