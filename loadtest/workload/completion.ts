import type OpenAI from 'openai';
import type { Message } from './conversation.ts';

/** One streamed completion as its client saw it. Token counts are the engine's. */
export interface Completion {
  text: string;
  finishReason: string | null;
  promptTokens: number;
  cachedTokens: number;
  outputTokens: number;
  ttftMs: number;
}

/** Streams one completion to its end. @throws whatever the SDK throws, error frames included. */
export async function complete(
  client: OpenAI,
  request: {
    model: string;
    messages: Message[];
    maxTokens: number;
    signal?: AbortSignal;
  },
): Promise<Completion> {
  const startedAt = performance.now();
  const seen: Completion = {
    text: '',
    finishReason: null,
    promptTokens: 0,
    cachedTokens: 0,
    outputTokens: 0,
    ttftMs: 0,
  };
  const stream = await client.chat.completions.create(
    {
      model: request.model,
      messages: request.messages,
      max_tokens: request.maxTokens,
      stream: true,
      stream_options: { include_usage: true },
    },
    request.signal === undefined ? {} : { signal: request.signal },
  );
  for await (const chunk of stream) {
    const [choice] = chunk.choices;
    const piece = choice?.delta.content ?? '';
    if (piece !== '' && seen.ttftMs === 0) seen.ttftMs = performance.now() - startedAt;
    seen.text += piece;
    seen.finishReason = choice?.finish_reason ?? seen.finishReason;
    if (chunk.usage === null || chunk.usage === undefined) continue;
    seen.promptTokens = chunk.usage.prompt_tokens;
    seen.outputTokens = chunk.usage.completion_tokens;
    seen.cachedTokens = chunk.usage.prompt_tokens_details?.cached_tokens ?? 0;
  }
  return seen;
}
