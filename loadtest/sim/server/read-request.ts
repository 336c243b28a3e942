import { renderChat } from './chat-template.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { tokenize, type Segment, type TokenizedPrompt } from './tokens.ts';
import { badParameter, invalidBody, objectError } from './vllm-errors.ts';

/** The two kinds of completion. */
export type CompletionKind = 'chat' | 'text';

/** What the engine is: decides which requests are acceptable and how prompts are cut. */
export interface ModelLimits {
  readonly model: string;
  readonly maxModelTokens: number;
  readonly blockTokens: number;
}

/** A completion request, checked. */
export interface CompletionRequest {
  readonly kind: CompletionKind;
  readonly prompt: TokenizedPrompt;
  readonly maxTokens: number;
  readonly ignoreEnd: boolean;
  readonly stop: readonly string[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly continuousUsage: boolean;
}

/**
 * Reads a completion request as vLLM does. Unknown members are ignored.
 * @throws VllmError with vLLM's status and body: bad JSON, missing or bad members, unknown model, too long a prompt.
 */
export function readCompletionRequest(kind: CompletionKind, text: string, limits: ModelLimits): CompletionRequest {
  const body = parseBody(text);
  checkModel(body['model'], limits.model);
  const n = body['n'];
  if (n !== undefined && n !== null && n !== 1) throw badParameter('n', n, 'Only n=1 is simulated.');
  const temperature = body['temperature'];
  if (typeof temperature === 'number' && temperature < 0)
    throw badParameter('temperature', temperature, `temperature must be non-negative, got ${temperature}.`);
  const salt = typeof body['cache_salt'] === 'string' ? body['cache_salt'] : '';
  const prompt = tokenize(promptSegments(kind, body), limits.blockTokens, salt);
  if (prompt.tokens === 0) throw badParameter('prompt', '', 'The prompt cannot be empty.');
  const options = isRecord(body['stream_options']) ? body['stream_options'] : {};
  return {
    kind,
    prompt,
    maxTokens: readMaxTokens(kind, body, { prompt: prompt.tokens, limits }),
    ignoreEnd: body['ignore_eos'] === true,
    stop: readStop(body['stop']),
    stream: body['stream'] === true,
    includeUsage: options['include_usage'] === true,
    continuousUsage: options['continuous_usage_stats'] === true,
  };
}

function parseBody(text: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1] ?? '0';
    throw invalidBody(`body.${at}`, 'json_invalid', 'JSON decode error');
  }
  if (!isRecord(body)) throw invalidBody('body', 'model_attributes_type', 'Input should be a valid dictionary');
  return body;
}

function checkModel(model: unknown, served: string): void {
  if (model === undefined || model === null || model === served) return;
  const message = `The model \`${String(model)}\` does not exist. Valid aliases: ${served}.`;
  throw objectError({ status: 404, message, type: 'NotFoundError', param: 'model' });
}

function promptSegments(kind: CompletionKind, body: Record<string, unknown>): Segment[] {
  if (kind === 'chat') {
    const messages = body['messages'];
    if (!Array.isArray(messages)) throw invalidBody('body.messages', 'missing', 'Field required');
    return renderChat({ messages, tools: Array.isArray(body['tools']) ? body['tools'] : undefined });
  }
  const prompt: unknown = body['prompt'];
  if (prompt === undefined) throw invalidBody('body.prompt', 'missing', 'Field required');
  if (typeof prompt === 'string') return [{ text: prompt }];
  if (!Array.isArray(prompt)) throw invalidBody('body.prompt', 'string_type', 'Input should be a valid string');
  const list: readonly unknown[] = prompt;
  if (list.length === 1 && typeof list[0] === 'string') return [{ text: list[0] }];
  if (list.every((item) => typeof item === 'number')) return list.map((id) => ({ control: String(id) }));
  throw badParameter('prompt', list.length, 'Only one prompt in a request is simulated.');
}

function readMaxTokens(
  kind: CompletionKind,
  body: Record<string, unknown>,
  { prompt, limits }: { prompt: number; limits: ModelLimits },
): number {
  const limit = limits.maxModelTokens;
  if (prompt >= limit) {
    const message =
      `This model's maximum context length is ${limit} tokens. However, your prompt contains at least ${prompt} ` +
      'input tokens, which exceeds this limit even without any output tokens. ' +
      'Please reduce the length of the input prompt.';
    throw badParameter('input_tokens', prompt, message);
  }
  const wanted = body['max_completion_tokens'] ?? body['max_tokens'] ?? (kind === 'text' ? 16 : limit - prompt);
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

function readStop(stop: unknown): string[] {
  const list: unknown[] = Array.isArray(stop) ? stop : [stop];
  return list.filter((item) => typeof item === 'string' && item !== '').map(String);
}
