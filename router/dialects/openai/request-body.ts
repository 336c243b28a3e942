import { commonSplices } from '../common-splices.ts';
import { AppError } from '#shared/contract/errors.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import type { BodyRules, FieldReader } from '../../scan/body-rules.ts';
import type { ScannedBody } from '../../scan/scanned-body.ts';
import type { Splice } from '../dialect.ts';
import { cacheSaltField } from '../cache-salt.ts';
import { membersOf } from '../json-members.ts';

export const model: FieldReader = (value) => (typeof value === 'string' ? { model: value } : 'wrong_type');
export const stream: FieldReader = (value) => (typeof value === 'boolean' ? { stream: value } : 'wrong_type');
const counting =
  (name: 'choices' | 'candidates'): FieldReader =>
  (value) => {
    if (typeof value !== 'number') return 'wrong_type';
    return Number.isSafeInteger(value) && value > 0 ? { [name]: value } : 'out_of_range';
  };
/** -1 asks for no bound: llama-server takes it (`-1 <= value`), vLLM says what it wants instead. */
export const maxTokens: FieldReader = (value) => {
  if (typeof value !== 'number') return 'wrong_type';
  if (!Number.isSafeInteger(value) || value < -1) return 'out_of_range';
  return { maxTokens: value === -1 ? Infinity : value };
};
const streamOptions: FieldReader = (value) =>
  isRecord(value) && isFlag(value['include_usage']) && isFlag(value['continuous_usage_stats']) ? {} : 'wrong_type';

/** A hint alone: what it may not be is the engine's to say. */
export const session: FieldReader = (value) => (typeof value === 'string' && value !== '' ? { session: value } : {});

/** What both routes have in common; each adds its spans. */
export const bodyRules: Omit<BodyRules, 'spans'> = {
  fields: new Map([
    ['model', model],
    ['stream', stream],
    ['n', counting('choices')],
    ['best_of', counting('candidates')],
    // llama-server's own names, which win over OpenAI's.
    ['n_cmpl', counting('candidates')],
    ['n_predict', maxTokens],
    ['max_tokens', maxTokens],
    ['max_completion_tokens', maxTokens],
    ['stream_options', streamOptions],
    ['prompt_cache_key', session],
    cacheSaltField,
  ]),
  author: { key: 'role', user: 'user' },
  volatileKeys: ['cache_control'],
  volatileTexts: [],
};

/** What a client wants to see of a stream's usage. */
export function usageAsked(body: ScannedBody): { atEnd: boolean; everywhere: boolean } {
  const options = readOptions(body);
  return { atEnd: options['include_usage'] === true, everywhere: options['continuous_usage_stats'] === true };
}

/** A stream is asked for its usage, beside the edits of all routes. */
export function splices(body: ScannedBody, engineModel: string, cacheSalt?: string): Splice[] {
  const isUsageAsked = body.stream !== true || usageAsked(body).atEnd;
  return [...(isUsageAsked ? [] : [usageSplice(body)]), ...commonSplices(body, engineModel, cacheSalt)];
}

/** @throws AppError `invalid_body` */
export function probeBody(body: Buffer): Buffer {
  const value: unknown = JSON.parse(body.toString());
  if (!isRecord(value)) throw new AppError('invalid_body');
  return Buffer.from(JSON.stringify({ ...value, max_tokens: 1, max_completion_tokens: undefined, n: 1 }));
}

/** Edits the text, since a parsed number may have lost digits. */
function usageSplice(body: ScannedBody): Splice {
  const wish = '"include_usage":true';
  const given = body.fields.get('stream_options');
  if (given !== undefined) {
    const others = membersOf(given.json).filter(({ name }) => name !== 'include_usage');
    const { start, end } = given;
    return { start, end, bytes: Buffer.from(`{${[wish, ...others.map(({ text }) => text)].join(',')}}`) };
  }
  const end = body.object.end - 1;
  return { start: end, end, bytes: Buffer.from(`${body.members > 0 ? ',' : ''}"stream_options":{${wish}}`) };
}

function readOptions(body: ScannedBody): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(body.fields.get('stream_options')?.json ?? '{}');
  return isRecord(value) ? value : {};
}

function isFlag(value: unknown): boolean {
  return value === undefined || value === null || typeof value === 'boolean';
}
