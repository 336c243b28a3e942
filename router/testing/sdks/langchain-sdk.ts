import { HumanMessage, type AIMessage, type AIMessageChunk } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { maxTokens, servedModel, weather, type Asked, type Connection, type Sdk, type Seen } from './sdk.ts';

/** LangChain's model of OpenAI's chat completions. */
export const langChainSdks: readonly Sdk[] = [
  {
    name: 'LangChain',
    features: ['tool', 'schema', 'image', 'logprobs', 'leaving'],
    whole: async (to, asked, { signal }) =>
      seenIn(await modelOf(to, asked).invoke([messageOf(asked)], { ...callOptions(asked), ...(signal && { signal }) })),
    async stream(to, asked, { signal, onText }) {
      const options = { ...callOptions(asked), ...(signal && { signal }) };
      let all: AIMessageChunk | undefined;
      for await (const chunk of await modelOf(to, asked).stream([messageOf(asked)], options)) {
        if (chunk.text !== '') onText?.();
        all = all === undefined ? chunk : all.concat(chunk);
      }
      if (all === undefined) throw new Error('LangChain gave no chunk.');
      return seenIn(all);
    },
  },
];

function modelOf({ url, key }: Connection, { model = servedModel, logprobs }: Asked): ChatOpenAI {
  return new ChatOpenAI({
    model,
    apiKey: key,
    configuration: { baseURL: `${url}/v1` },
    maxRetries: 0,
    maxTokens,
    ...(logprobs && { logprobs: true, topLogprobs: 2 }),
  });
}

function messageOf({ text, image }: Asked): HumanMessage {
  if (image === undefined) return new HumanMessage(text);
  const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } };
  return new HumanMessage({ content: [{ type: 'text', text }, picture] });
}

function callOptions({ tool, schema }: Asked) {
  const { name, description, schema: parameters } = weather;
  const called = { type: 'function' as const, function: { name, description, parameters } };
  const format = { type: 'json_schema' as const, json_schema: { name, schema: parameters } };
  return { ...(tool && { tools: [called] }), ...(schema && { response_format: format }) };
}

function seenIn(message: AIMessage | AIMessageChunk): Seen {
  const { text, tool_calls: calls = [], response_metadata: metadata } = message;
  const { finish_reason, logprobs } = metadata as {
    finish_reason?: string;
    logprobs?: { content?: { token: string }[] };
  };
  return {
    text,
    reasoning: '',
    calls: calls.map(({ name, args }) => ({ name, input: typeof args === 'string' ? parseJson(args) : args })),
    finish: finish_reason,
    logprobs: (logprobs?.content ?? []).map(({ token }) => token),
  };
}
