import { AppError } from '#shared/contract/errors.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import type { BodyRules, FieldReader } from '../../scan/body-rules.ts';
import { cacheSaltField } from '../cache-salt.ts';

const model: FieldReader = (value) => (typeof value === 'string' ? { model: value } : 'wrong_type');
const stream: FieldReader = (value) => (typeof value === 'boolean' ? { stream: value } : 'wrong_type');
const maxTokens: FieldReader = (value) => {
  if (typeof value !== 'number') return 'wrong_type';
  return Number.isSafeInteger(value) && value >= 0 ? { maxTokens: value } : 'out_of_range';
};

const common: Omit<BodyRules, 'fields' | 'spans'> = {
  author: { key: 'role', user: 'user' },
  volatileKeys: ['cache_control'],
  // The first system block of Claude Code (2.1.36 and later), another one in each request.
  volatileTexts: ['x-anthropic-billing-header:'],
};

/** A message: what changes how a chat template is rendered, then the prompt in its order. */
export const messageRules: BodyRules = {
  ...common,
  fields: new Map([['model', model], ['stream', stream], ['max_tokens', maxTokens], cacheSaltField]),
  spans: [
    { key: 'chat_template_kwargs', kind: 'template' },
    { key: 'thinking', kind: 'template' },
    { key: 'output_config', kind: 'template' },
    { key: 'tools', kind: 'tools' },
    { key: 'system', kind: 'system' },
    { key: 'messages', kind: 'messages' },
  ],
};

/** A count reads the same prompt and computes nothing: no replica keeps any of it. */
export const countRules: BodyRules = { ...common, fields: new Map([['model', model], cacheSaltField]), spans: [] };

/** @throws AppError `invalid_body` */
export function probeBody(body: Buffer): Buffer {
  const value: unknown = JSON.parse(body.toString());
  if (!isRecord(value)) throw new AppError('invalid_body');
  return Buffer.from(JSON.stringify({ ...value, max_tokens: 1 }));
}
