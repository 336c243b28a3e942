import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { Dialect, ErrorVoice } from '../dialect.ts';
import { errors, tellsError } from './errors.ts';
import { bodyRules, maxTokens, model, modelSplices, session, stream } from './request-body.ts';
import { ResponsesReader } from './responses-reader.ts';
import { findUsage } from './usage.ts';

/**
 * Streams end with `response.failed` and an `error` event. SDKs differ in what they notice: OpenAI's for Node looks at the
 * event's name, the one for Python at a member `error`, the AI SDK at both.
 */
const voice: ErrorVoice = {
  ...errors,
  streamEnd: (body) => {
    const value = parseJson(body.toString());
    const error = isRecord(value) && isRecord(value['error']) ? value['error'] : {};
    const { message = 'The model server failed.', code = null, param = null } = error;
    const response = { object: 'response', status: 'failed', error: { code: 'server_error', message }, output: [] };
    return Buffer.concat([eventOf('response.failed', { response }), eventOf('error', { code, message, param, error })]);
  },
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

/** POST /v1/responses. */
export const responses: Dialect = {
  name: 'responses',
  method: 'POST',
  path: '/v1/responses',
  headers: ['openai-beta'],
  body: {
    ...bodyRules,
    fields: new Map([
      ['model', model],
      ['stream', stream],
      ['max_output_tokens', maxTokens],
      ['prompt_cache_key', session],
    ]),
    spans: [
      { key: 'reasoning', kind: 'template' },
      { key: 'tools', kind: 'tools' },
      { key: 'instructions', kind: 'system' },
      { key: 'input', kind: 'messages' },
    ],
  },
  modelField: 'model',
  streamType: 'text/event-stream',
  heartbeat: Buffer.from(': keep-alive\n\n'),
  endMark: Buffer.alloc(0),
  errors: voice,
  splices: modelSplices,
  probeBody: (body) => {
    const value: unknown = JSON.parse(body.toString());
    return Buffer.from(JSON.stringify({ ...(isRecord(value) && value), max_output_tokens: 1, store: false }));
  },
  reader: () => new ResponsesReader(),
  usageOf: findUsage,
  answerHeaders: (processingMs) => ({ 'openai-processing-ms': String(processingMs) }),
};

function eventOf(type: string, members: object): Buffer {
  return Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`);
}
