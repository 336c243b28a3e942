import type { Babble } from './babble.ts';
import type { CompletionKind } from './read-request.ts';

/** One answer on the wire, in the shapes of vLLM 0.32. */
export interface Answer {
  readonly kind: CompletionKind;
  readonly id: string;
  readonly model: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly babble: Babble;
  readonly promptTokens: number;
  cachedTokens: number;
  readonly includeUsage: boolean;
  readonly continuousUsage: boolean;
}

const fingerprint = 'vllm-0.32.0-simulated';

/** The end of every stream. */
export const doneFrame = 'data: [DONE]\n\n';

/** One server-sent event. */
export function frame(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** The frame before the first token of a chat; text completions have none. */
export function roleFrame(answer: Answer): string {
  if (answer.kind === 'text') return '';
  const delta = { role: 'assistant', content: '' };
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: null }];
  return frame({
    ...head(answer),
    choices,
    ...(answer.continuousUsage ? { usage: runningUsage(answer, 0) } : {}),
    prompt_token_ids: null,
    prompt_text: null,
  });
}

/** The frame of output token `index`; the last one carries the finish reason. */
export function tokenFrame(answer: Answer, index: number): string {
  const { babble, kind } = answer;
  const text = babble.tokens[index] ?? '';
  const last = index === babble.tokens.length - 1;
  const finish_reason = last ? babble.finishReason : null;
  const stop_reason = babble.stopReason;
  const choice =
    kind === 'chat'
      ? {
          index: 0,
          delta: { content: text },
          logprobs: null,
          finish_reason,
          ...(last ? { stop_reason } : {}),
          token_ids: null,
        }
      : {
          index: 0,
          text,
          logprobs: null,
          finish_reason,
          stop_reason: last ? stop_reason : null,
          prompt_token_ids: null,
          token_ids: null,
        };
  return frame({
    ...head(answer),
    choices: [choice],
    ...(answer.continuousUsage ? { usage: runningUsage(answer, index + 1) } : {}),
    ...(last && !answer.includeUsage ? { system_fingerprint: fingerprint } : {}),
  });
}

/** The frame after the last token when the client asked for usage. */
export function usageFrame(answer: Answer): string {
  if (!answer.includeUsage) return '';
  const usage = {
    ...counts(answer, answer.babble.tokens.length),
    prompt_tokens_details: { cached_tokens: answer.cachedTokens, created_cache_tokens: 0 },
  };
  return frame({ ...head(answer), choices: [], usage, system_fingerprint: fingerprint });
}

/** The whole answer as one JSON value, for requests without `stream`. */
export function wholeAnswer(answer: Answer): unknown {
  const { babble, kind } = answer;
  const text = babble.tokens.join('');
  const end = { logprobs: null, finish_reason: babble.finishReason, stop_reason: babble.stopReason, token_ids: null };
  const message = {
    role: 'assistant',
    content: text,
    refusal: null,
    annotations: null,
    audio: null,
    function_call: null,
    reasoning: null,
  };
  const choice =
    kind === 'chat'
      ? { index: 0, message, ...end, routed_experts: null }
      : { index: 0, text, ...end, prompt_logprobs: null, prompt_token_ids: null, routed_experts: null };
  return {
    ...head(answer),
    object: kind === 'chat' ? 'chat.completion' : 'text_completion',
    choices: [choice],
    service_tier: null,
    system_fingerprint: fingerprint,
    usage: {
      ...counts(answer, babble.tokens.length),
      prompt_tokens_details: { cached_tokens: answer.cachedTokens, created_cache_tokens: 0, multimodal_tokens: null },
      completion_tokens_details: null,
    },
    ...(kind === 'chat' ? { prompt_logprobs: null, prompt_token_ids: null, prompt_text: null } : {}),
    kv_transfer_params: null,
    ec_transfer_params: null,
    metrics: null,
  };
}

function head({ id, kind, created, model }: Answer): Record<string, unknown> {
  return { id, object: kind === 'chat' ? 'chat.completion.chunk' : 'text_completion', created, model };
}

function counts({ promptTokens }: Answer, completionTokens: number): Record<string, number> {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
  };
}

function runningUsage(answer: Answer, completionTokens: number): Record<string, unknown> {
  return { ...counts(answer, completionTokens), completion_tokens_details: null };
}
