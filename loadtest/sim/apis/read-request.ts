import { isRecord } from '#shared/runtime/is-record.ts';
import type { ModelRequest, Tool } from '../model/answer.ts';
import { renderChat } from '../model/chat-template.ts';
import { tokenize, type Segment } from '../model/tokens.ts';
import { badParameter, invalidBody, objectError } from '../model/vllm-errors.ts';
import type { Body, ModelLimits } from './generation-api.ts';

/** Choices that one request may ask for. */
const choicesMax = 128;

/** What differs between the APIs, read from a body. */
export interface Asked {
  readonly prompt: readonly Segment[];
  /** The member that bounds the output, for the error's sake. */
  readonly maxTokens: unknown;
  readonly defaultMaxTokens?: number;
  readonly choices?: unknown;
  readonly stop?: unknown;
  readonly reasons?: boolean;
  readonly calls?: readonly Tool[];
  readonly schema?: unknown;
  readonly background?: boolean;
  readonly render: ModelRequest['render'];
}

/** @throws VllmError as vLLM does for a body that is no JSON object or asks for another model. */
export function parseBody(text: string, { model }: ModelLimits): Body {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1] ?? '0';
    throw invalidBody(`body.${at}`, 'json_invalid', 'JSON decode error');
  }
  if (!isRecord(body)) throw invalidBody('body', 'model_attributes_type', 'Input should be a valid dictionary');
  checkModel(body['model'], model);
  return body;
}

/** Checks what every API has in common and cuts the prompt into tokens. @throws VllmError */
export function modelRequest(body: Body, limits: ModelLimits, asked: Asked): ModelRequest {
  const temperature = body['temperature'];
  if (typeof temperature === 'number' && temperature < 0)
    throw badParameter('temperature', temperature, `temperature must be non-negative, got ${temperature}.`);
  const salt = typeof body['cache_salt'] === 'string' ? body['cache_salt'] : '';
  const prompt = tokenize(asked.prompt, limits.blockTokens, { salt, keepsIds: limits.keepsTokens ?? false });
  if (prompt.tokens === 0) throw badParameter('prompt', '', 'The prompt cannot be empty.');
  return {
    prompt,
    maxTokens: readMaxTokens(asked, prompt.tokens, limits.maxModelTokens),
    choices: readChoices(asked.choices),
    ignoreEnd: body['ignore_eos'] === true,
    ordered: readOrder(body['vllm_xargs'], limits.maxModelTokens),
    stop: [asked.stop].flat().filter((item) => typeof item === 'string' && item !== '') as string[],
    stream: body['stream'] === true,
    reasons: asked.reasons ?? false,
    calls: asked.calls ?? [],
    schema: asked.schema,
    background: asked.background ?? false,
    render: asked.render,
  };
}

/** A conversation as the template renders it; members are those of chat completions. */
export function chatSegments(messages: readonly unknown[], tools: readonly Tool[]): Segment[] {
  return renderChat({ messages, tools: tools.map((tool) => ({ type: 'function', function: tool })) });
}

/**
 * The tools that the model calls: the one that it must, the first if it must call any, else those whose names the last
 * message says, if that is the user's.
 */
export function calledTools(tools: readonly Tool[], choice: unknown, messages: readonly unknown[]): readonly Tool[] {
  if (choice === 'none') return [];
  if (choice === 'required' || choice === 'any') return tools.slice(0, 1);
  if (isRecord(choice) && typeof choice['name'] === 'string')
    return tools.filter(({ name }) => name === choice['name']);
  const last = messages.at(-1);
  if (!isRecord(last) || last['role'] !== 'user') return [];
  const said = JSON.stringify(last['content']);
  return tools.filter(({ name }) => said.includes(name));
}

function checkModel(model: unknown, served: string): void {
  if (model === undefined || model === null || model === served) return;
  const message = `The model \`${String(model)}\` does not exist. Valid aliases: ${served}.`;
  throw objectError({ status: 404, message, type: 'NotFoundError', param: 'model' });
}

function readChoices(n: unknown): number {
  if (n === undefined || n === null) return 1;
  if (typeof n !== 'number' || !Number.isInteger(n) || n < 1 || n > choicesMax)
    throw badParameter('n', n, `n must be an integer from 1 to ${choicesMax}.`);
  return n;
}

/** In vLLM's place for what is no part of any API; routers pass it on and do not look. */
function readOrder(extra: unknown, most: number): ModelRequest['ordered'] {
  if (!isRecord(extra) || extra['answer_tokens'] === undefined) return undefined;
  const [tokens, bytes] = [extra['answer_tokens'], extra['answer_bytes']];
  if (isCount(tokens) && tokens <= most && isCount(bytes)) return { tokens, bytes };
  const message = `answer_tokens must be an integer from 1 to ${most}, answer_bytes a positive one.`;
  throw badParameter('vllm_xargs', extra, message);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function readMaxTokens({ maxTokens, defaultMaxTokens }: Asked, prompt: number, limit: number): number {
  if (prompt >= limit) {
    const message =
      `This model's maximum context length is ${limit} tokens. However, your prompt contains at least ${prompt} ` +
      'input tokens, which exceeds this limit even without any output tokens. ' +
      'Please reduce the length of the input prompt.';
    throw badParameter('input_tokens', prompt, message);
  }
  const wanted = maxTokens ?? defaultMaxTokens ?? limit - prompt;
  if (typeof wanted !== 'number' || !Number.isInteger(wanted))
    throw invalidBody('body.max_tokens', 'int_type', 'Input should be a valid integer');
  if (wanted < 1) throw badParameter('max_tokens', wanted, `max_tokens must be at least 1, got ${wanted}.`);
  if (wanted > limit) {
    const message = `max_tokens=${wanted} cannot be greater than max_model_len=${limit}. Please request fewer output tokens.`;
    throw badParameter('max_tokens', wanted, message);
  }
  if (prompt + wanted > limit) {
    const message =
      `This model's maximum context length is ${limit} tokens. However, you requested ${wanted} output tokens and ` +
      `your prompt contains ${prompt} input tokens. Please reduce one of them.`;
    throw badParameter('input_tokens', prompt, message);
  }
  return wanted;
}
