import { commonSplices } from '../common-splices.ts';
import type { Api, Dialect, ServedModel } from '../dialect.ts';
import { eventStream } from '../event-stream.ts';
import { endMark, MessageReader } from './answer-reader.ts';
import { errors } from './errors.ts';
import { countRules, messageRules, probeBody } from './request-body.ts';
import { usageOf } from './usage.ts';

/** POST /v1/messages. */
export const messages: Dialect = {
  name: 'messages',
  method: 'POST',
  path: '/v1/messages',
  headers: ['anthropic-version', 'anthropic-beta'],
  body: messageRules,
  modelField: 'model',
  ...eventStream,
  endMark,
  errors,
  splices: commonSplices,
  probeBody,
  reader: () => new MessageReader(),
  usageOf,
  answerHeaders: (processingMs) => ({ 'x-fairway-processing-ms': String(processingMs) }),
};

/** POST /v1/messages/count_tokens: a short answer that is never streamed and costs no tokens. */
export const countTokens: Dialect = {
  ...messages,
  name: 'count_tokens',
  path: '/v1/messages/count_tokens',
  body: countRules,
  probeBody: (body) => body,
  usageOf: () => undefined,
};

/** `GET /v1/models`, all of them on one page, with what else a person wants to know of a model. */
const models: NonNullable<Api['models']> = {
  path: '/v1/models',
  idField: 'model',
  list: (served) => ({
    data: served.map(listed),
    has_more: false,
    first_id: served.at(0)?.id ?? null,
    last_id: served.at(-1)?.id ?? null,
  }),
  one: listed,
};

/** Anthropic's API, as far as it is served. Its SDKs up to 0.x send `x-api-key`, later ones a bearer; all send a version. */
export const anthropic: Api = {
  routes: [messages, countTokens],
  errors,
  models,
  speaksTo: (headers) => headers['anthropic-version'] !== undefined || headers['x-api-key'] !== undefined,
};

function listed(model: ServedModel): object {
  return {
    type: 'model',
    id: model.id,
    display_name: model.id,
    created_at: new Date(model.createdAt).toISOString(),
    max_input_tokens: model.contextTokensMax,
    max_tokens: model.outputTokensMax ?? null,
    max_model_len: model.contextTokensMax,
    status: model.status,
  };
}
