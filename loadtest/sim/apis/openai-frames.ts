import { reasoningTokens, type Answer, type Rendering } from '../model/answer.ts';
import { tokenId } from '../model/tokens.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import type { Body } from './generation-api.ts';

export const fingerprint = 'vllm-0.32.0-simulated';

/** The end of every stream of chat completions and completions. */
export const doneFrame = 'data: [DONE]\n\n';

/** One server-sent event without a name. */
export function frame(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** How much is told of tokens; `stream_options`. */
export interface UsageAsked {
  readonly atEnd: boolean;
  readonly everywhere: boolean;
}

export function usageAsked(body: Body): UsageAsked {
  const options = isRecord(body['stream_options']) ? body['stream_options'] : {};
  return { atEnd: options['include_usage'] === true, everywhere: options['continuous_usage_stats'] === true };
}

/** Token counts of the frame after so many tokens. */
export function runningUsage(answer: Answer, completionTokens: number): Body {
  return { ...counts(answer, completionTokens), completion_tokens_details: null };
}

/** The frame after the last token when the client asked for usage. */
export function usageFrame(answer: Answer, head: Body): string {
  const usage = {
    ...counts(answer, answer.tokens.length),
    prompt_tokens_details: { cached_tokens: answer.cachedTokens, created_cache_tokens: 0 },
  };
  return frame({ ...head, choices: [], usage, system_fingerprint: fingerprint });
}

/** Token counts of a whole answer. */
export function wholeUsage(answer: Answer): Body {
  const reasoning = reasoningTokens(answer);
  return {
    ...counts(answer, answer.tokens.length),
    prompt_tokens_details: { cached_tokens: answer.cachedTokens, created_cache_tokens: 0, multimodal_tokens: null },
    completion_tokens_details: reasoning > 0 ? { reasoning_tokens: reasoning } : null,
  };
}

/** Python's spelling, with blanks: a reader that searches for `{"error":{` misses it on the real engine too. */
export const failure: Rendering['failure'] = ({ body }) =>
  `data: ${JSON.stringify(body, null, 1).replace(/\n\s*/g, ' ').replace(/\{ /g, '{').replace(/ \}/g, '}')}\n\n${doneFrame}`;

/** Made up from the token, between -2 and 0, the same every time. */
export function logprobOf(token: string): number {
  return -(tokenId(token) % 2000) / 1000;
}

/** So many alternatives to a token, itself first. */
export function alternatives(token: string, count: number): string[] {
  return [token, ...Array.from({ length: count }, (_, rank) => ` other${rank}`)].slice(0, count);
}

function counts({ promptTokens }: Answer, completionTokens: number): Record<string, number> {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
  };
}
