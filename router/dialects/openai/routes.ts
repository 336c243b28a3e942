import { commonSplices } from '../common-splices.ts';
import type { SpanKind } from '../../scan/body-rules.ts';
import { promptsOf } from '../../scan/scanned-body.ts';
import type { Api, Dialect, ServedModel } from '../dialect.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { cacheSaltField } from '../cache-salt.ts';
import { eventStream } from '../event-stream.ts';
import { OpenAiReader, type HasContent } from './answer-reader.ts';
import { endMark, errors } from './errors.ts';
import { bodyRules, model, probeBody, splices, usageAsked } from './request-body.ts';
import { responsesRoutes } from './responses.ts';
import { findUsage } from './usage.ts';

/** Members of a delta that are content when they are not empty; `reasoning*` as vLLM, SGLang and llama.cpp name it. */
const contentKeys = ['content', 'tool_calls', 'function_call', 'refusal', 'reasoning', 'reasoning_content', 'audio'];

const deltaHasContent: HasContent = ({ delta }) => isRecord(delta) && contentKeys.some((key) => isFilled(delta[key]));
const choiceHasText: HasContent = ({ text }) => typeof text === 'string' && text !== '';

/** POST /v1/chat/completions. A leading message with the role system or developer is just a message. */
export const chatCompletions = routeOf('chat', '/v1/chat/completions', {
  hasContent: deltaHasContent,
  spans: [
    ['chat_template_kwargs', 'template'],
    ['chat_template', 'template'],
    ['reasoning_effort', 'template'],
    ['documents', 'template'],
    ['tools', 'tools'],
    ['functions', 'tools'],
    ['messages', 'messages'],
  ],
});

/** POST /v1/completions: the prompt is text, a list of texts, or token ids. */
export const completions = routeOf('completions', '/v1/completions', {
  hasContent: choiceHasText,
  spans: [['prompt', 'messages']],
  batch: 'prompt',
});

/**
 * POST /v1/embeddings: never a stream, whatever its body says. A long list of inputs is the usual way, and no choices: each
 * of them is computed once, and their bytes are bounded as those of any body.
 */
const embeddings: Dialect = {
  ...routeOf('embeddings', '/v1/embeddings', { hasContent: () => true, spans: [['input', 'messages']] }),
  body: {
    ...bodyRules,
    fields: new Map([['model', model], cacheSaltField]),
    spans: [{ key: 'input', kind: 'messages' }],
  },
  errors: { ...errors, tells: (body) => !body.includes('"data"') && errors.tells(body) },
  splices: commonSplices,
  probeBody: (body) => body,
};

/** `GET /v1/models`, with what else a person wants to know of a model. */
const models: NonNullable<Api['models']> = {
  path: '/v1/models',
  idField: 'model',
  list: (served) => ({ object: 'list', data: served.map(listed) }),
  one: listed,
};

/** OpenAI's API, as far as it is served. */
export const openAi: Api = { routes: [chatCompletions, completions, embeddings, ...responsesRoutes], errors, models };

function routeOf(
  name: string,
  path: string,
  {
    hasContent,
    spans,
    ...rules
  }: { hasContent: HasContent; spans: readonly (readonly [key: string, kind: SpanKind])[]; batch?: string },
): Dialect {
  return {
    name,
    method: 'POST',
    path,
    headers: ['openai-beta'],
    body: { ...bodyRules, ...rules, spans: spans.map(([key, kind]) => ({ key, kind })) },
    modelField: 'model',
    ...eventStream,
    endMark,
    errors,
    splices,
    probeBody,
    reader: (body) => {
      const { atEnd, everywhere } = usageAsked(body);
      const prompts = promptsOf(body, rules);
      return new OpenAiReader(hasContent, {
        choices: prompts * (body.choices ?? 1),
        prompts,
        usageAtEnd: atEnd,
        usageEverywhere: everywhere,
      });
    },
    usageOf: findUsage,
    answerHeaders: (processingMs) => ({ 'openai-processing-ms': String(processingMs) }),
  };
}

function listed(model: ServedModel): object {
  return {
    id: model.id,
    object: 'model',
    created: Math.floor(model.createdAt / 1000),
    owned_by: model.team,
    // As vLLM tells of names and adapters.
    root: model.root,
    parent: model.parent ?? null,
    max_model_len: model.contextTokensMax,
    status: model.status,
  };
}

function isFilled(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  return !Array.isArray(value) || value.length > 0;
}
