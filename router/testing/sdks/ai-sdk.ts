import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  generateText,
  jsonSchema,
  Output,
  streamText,
  tool,
  type LanguageModel,
  type ModelMessage,
  type ToolSet,
} from 'ai';
import {
  maxTokens,
  servedModel,
  weather,
  type Ask,
  type Asked,
  type Connection,
  type Feature,
  type Sdk,
  type Seen,
} from './sdk.ts';

/** Vercel's SDK over its two providers for engines of one's own. */
export const aiSdks: readonly Sdk[] = [
  sdk('ai, openai-compatible', ['tool', 'schema', 'reasons', 'image', 'leaving'], ({ url, key }, model) =>
    createOpenAICompatible({ name: 'fairway', baseURL: `${url}/v1`, apiKey: key, supportsStructuredOutputs: true })(
      model,
    ),
  ),
  sdk('ai, anthropic', ['tool', 'schema', 'reasons', 'image', 'leaving'], ({ url, key }, model) =>
    createAnthropic({ baseURL: `${url}/v1`, apiKey: key })(model),
  ),
];

function sdk(name: string, features: Feature[], modelOf: (to: Connection, model: string) => LanguageModel): Sdk {
  const whole: Ask = async (to, asked, { signal }) => {
    const model = modelOf(to, asked.model ?? servedModel);
    const {
      text,
      reasoningText = '',
      toolCalls,
      finishReason,
    } = await generateText({ ...settingsOf(asked, signal), model });
    return { ...seen(text, reasoningText, finishReason), calls: callsOf(toolCalls) };
  };
  const stream: Ask = async (to, asked, { signal, onText }) => {
    const model = modelOf(to, asked.model ?? servedModel);
    let failure: unknown;
    const result = streamText({
      ...settingsOf(asked, signal),
      model,
      onError: ({ error }) => void (failure ??= error),
    });
    for await (const part of result.fullStream) if (part.type === 'text-delta') onText?.();
    signal?.throwIfAborted();
    if (failure !== undefined) throw new Error('The SDK told an error.', { cause: failure });
    const reasoning = (await result.reasoningText) ?? '';
    return {
      ...seen(await result.text, reasoning, await result.finishReason),
      calls: callsOf(await result.toolCalls),
    };
  };
  return { name, features, whole, stream };
}

function settingsOf({ text, image, tool: calls, schema, reasons }: Asked, signal: AbortSignal | undefined) {
  const picture = { type: 'file' as const, data: image ?? '', mediaType: 'image/png' };
  const content = image === undefined ? text : [{ type: 'text' as const, text }, picture];
  const messages: ModelMessage[] = [{ role: 'user', content }];
  const { name, description, schema: form } = weather;
  const inputSchema = jsonSchema<Record<string, unknown>>({ ...form, required: [...form.required] });
  return {
    messages,
    maxRetries: 0,
    maxOutputTokens: maxTokens,
    ...(signal && { abortSignal: signal }),
    ...(calls && { tools: { [name]: tool({ description, inputSchema }) } as ToolSet }),
    ...(schema && { output: Output.object({ schema: inputSchema }) }),
    ...(reasons && {
      providerOptions: {
        fairway: { reasoningEffort: 'low' },
        anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } },
      },
    }),
  };
}

function callsOf(calls: readonly { readonly toolName: string; readonly input: unknown }[]): Seen['calls'] {
  return calls.map(({ toolName, input }) => ({ name: toolName, input }));
}

function seen(text: string, reasoning: string, finish: string): Seen {
  return { text, reasoning, calls: [], finish, logprobs: [] };
}
