import { commonSplices } from '../common-splices.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { FieldReader } from '../../scan/body-rules.ts';
import { cacheSaltField } from '../cache-salt.ts';
import type { Dialect, ErrorVoice } from '../dialect.ts';
import { eventStream } from '../event-stream.ts';
import { errors, tellsError } from './errors.ts';
import { bodyRules, maxTokens, model, session, stream } from './request-body.ts';
import { failedEnd } from './responses-end.ts';
import { ResponsesReader } from './responses-reader.ts';
import { findUsage } from './usage.ts';

const voice: ErrorVoice = {
  ...errors,
  streamEnd: (body) => failedEnd(body),
  tells: (body) => {
    if (body.includes('"output"') && !body.includes('"failed"')) return false;
    const value = parseJson(body.toString());
    return tellsError(value);
  },
  answerOf: (told) => {
    const value = parseJson(told.toString());
    const response = isRecord(value) && isRecord(value['response']) ? value['response'] : undefined;
    return errors.answerOf(response === undefined ? told : Buffer.from(JSON.stringify({ error: response['error'] })));
  },
};

/** Where the id of an answer stands: in its first event, or at its top; vLLM, SGLang and llama-server begin all ids so. */
const idForm = /"id"\s*:\s*"(resp_[\w-]{1,128})"/;
const idBytesMax = 4096;

const previousField = 'previous_response_id';

/** POST /v1/responses. */
export const responses: Dialect = {
  name: 'responses',
  method: 'POST',
  path: '/v1/responses',
  headers: ['openai-beta'],
  body: {
    ...bodyRules,
    fields: new Map<string, FieldReader>([
      ['model', model],
      ['stream', stream],
      ['max_output_tokens', maxTokens],
      ['prompt_cache_key', session],
      cacheSaltField,
      [previousField, (value) => (typeof value === 'string' ? { previous: value } : 'wrong_type')],
      ['store', (value) => (typeof value === 'boolean' ? { kept: value } : 'wrong_type')],
    ]),
    spans: [
      { key: 'reasoning', kind: 'template' },
      { key: 'tools', kind: 'tools' },
      { key: 'instructions', kind: 'system' },
      { key: 'input', kind: 'messages' },
    ],
  },
  modelField: 'model',
  previousField,
  ...eventStream,
  endMark: Buffer.alloc(0),
  errors: voice,
  splices: commonSplices,
  probeBody: (body) => {
    const value: unknown = JSON.parse(body.toString());
    return Buffer.from(JSON.stringify({ ...(isRecord(value) && value), max_output_tokens: 1, store: false }));
  },
  reader: () => new ResponsesReader(),
  answerId: (head) => idForm.exec(head.toString('latin1', 0, idBytesMax))?.[1],
  usageOf: findUsage,
  answerHeaders: (processingMs) => ({ 'openai-processing-ms': String(processingMs) }),
};

/** Routes about one response: it is read, or streamed again, stopped, or forgotten. What the engine keeps is no error. */
const aboutOne: Omit<Dialect, 'name' | 'method' | 'path'> = {
  ...responses,
  errors: { ...voice, tells: () => false },
  aboutAnswer: { isStreamed: (query) => /^(true|1)$/i.test(query.get('stream') ?? '') },
};

/** The routes of the Responses API. */
export const responsesRoutes: readonly Dialect[] = [
  responses,
  { ...aboutOne, name: 'responses_get', method: 'GET', path: '/v1/responses/:id' },
  { ...aboutOne, name: 'responses_delete', method: 'DELETE', path: '/v1/responses/:id' },
  { ...aboutOne, name: 'responses_cancel', method: 'POST', path: '/v1/responses/:id/cancel' },
];
