import OpenAI7 from 'openai';
import OpenAI6 from 'openai-6';
import { parseJson } from '#shared/runtime/parse-json.ts';
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

type Client = OpenAI7;
type Create = OpenAI7.ChatCompletionCreateParamsNonStreaming;
/** `reasoning` is vLLM's; the SDKs hand over what they do not know. */
type Reasoned = { reasoning?: string };

const everything: Feature[] = ['tool', 'schema', 'reasons', 'image', 'logprobs', 'leaving'];

/** The SDK of OpenAI in two majors, with both APIs. */
export const openAiSdks: readonly Sdk[] = [
  chat('openai 7', ({ url, key }) => new OpenAI7({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })),
  chat('openai 6', openai6),
  responses('openai 7, responses', ({ url, key }) => new OpenAI7({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })),
  responses('openai 6, responses', openai6),
];

/** What both majors have is all that is used. */
function openai6({ url, key }: Connection): Client {
  const client: object = new OpenAI6({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  if (isClient(client)) return client;
  throw new Error('openai 6 lacks what openai 7 has.');
}

function isClient(client: object): client is Client {
  return 'chat' in client && 'responses' in client;
}

/** A body of chat completions. */
export function chatBody({ model = servedModel, text, image, tool, schema, reasons, logprobs }: Asked): Create {
  const { name, description, schema: parameters } = weather;
  const picture = { type: 'image_url' as const, image_url: { url: `data:image/png;base64,${image}` } };
  return {
    model,
    max_completion_tokens: maxTokens,
    messages: [{ role: 'user', content: image === undefined ? text : [{ type: 'text', text }, picture] }],
    ...(tool && { tools: [{ type: 'function', function: { name, description, parameters } }] }),
    ...(schema && { response_format: { type: 'json_schema', json_schema: { name, schema: parameters } } }),
    ...(reasons && { reasoning_effort: 'low' }),
    ...(logprobs && { logprobs: true, top_logprobs: 2 }),
  };
}

function chat(name: string, connect: (to: Connection) => Client): Sdk {
  const whole: Ask = async (to, asked, { signal }) =>
    seenInChat(await connect(to).chat.completions.create(chatBody(asked), { ...(signal && { signal }) }));
  const stream: Ask = async (to, asked, { signal, onText }) => {
    const body = { ...chatBody(asked), stream: true as const };
    const seen = new ChatChunks();
    for await (const chunk of await connect(to).chat.completions.create(body, { ...(signal && { signal }) }))
      if (seen.add(chunk)) onText?.();
    return seen.end();
  };
  return { name, features: everything, whole, stream };
}

/** What a whole answer of chat completions says. */
export function seenInChat({ choices: [choice] }: OpenAI7.ChatCompletion): Seen {
  const message = choice?.message;
  return {
    text: message?.content ?? '',
    reasoning: (message as Reasoned | undefined)?.reasoning ?? '',
    calls: (message?.tool_calls ?? []).flatMap((call) =>
      call.type === 'function' ? [{ name: call.function.name, input: parseJson(call.function.arguments) }] : [],
    ),
    finish: choice?.finish_reason,
    logprobs: (choice?.logprobs?.content ?? []).map(({ token }) => token),
  };
}

/** Puts the chunks of a chat together. */
export class ChatChunks {
  readonly #calls: { name: string; text: string }[] = [];
  readonly #logprobs: string[] = [];
  #text = '';
  #reasoning = '';
  #finish: string | undefined;

  /** True when the chunk has text. */
  add({ choices: [choice] }: OpenAI7.ChatCompletionChunk): boolean {
    const {
      content,
      tool_calls: calls,
      reasoning,
    } = (choice?.delta ?? {}) as OpenAI7.ChatCompletionChunk.Choice.Delta & Reasoned;
    this.#text += content ?? '';
    this.#reasoning += reasoning ?? '';
    for (const { index, function: called } of calls ?? []) {
      const call = (this.#calls[index] ??= { name: called?.name ?? '', text: '' });
      call.text += called?.arguments ?? '';
    }
    this.#finish = choice?.finish_reason ?? this.#finish;
    for (const { token } of choice?.logprobs?.content ?? []) this.#logprobs.push(token);
    return (content ?? '') !== '';
  }

  end(): Seen {
    const calls = this.#calls.map(({ name, text }) => ({ name, input: parseJson(text) }));
    return { text: this.#text, reasoning: this.#reasoning, calls, finish: this.#finish, logprobs: this.#logprobs };
  }
}

/** A body of the Responses API. */
export function responsesBody(asked: Asked): Omit<OpenAI7.Responses.ResponseCreateParamsNonStreaming, 'stream'> {
  const { model = servedModel, text, image, tool, schema, reasons } = asked;
  const { name, description, schema: parameters } = weather;
  const content: OpenAI7.Responses.ResponseInputContent[] = [{ type: 'input_text', text }];
  if (image !== undefined)
    content.push({ type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${image}` });
  return {
    model,
    max_output_tokens: maxTokens,
    store: false,
    input: image === undefined ? text : [{ role: 'user', content }],
    ...(tool && { tools: [{ type: 'function', name, description, parameters, strict: true }] }),
    ...(schema && { text: { format: { type: 'json_schema', name, schema: parameters } } }),
    ...(reasons && { reasoning: { effort: 'low' } }),
  };
}

function responses(name: string, connect: (to: Connection) => Client): Sdk {
  const whole: Ask = async (to, asked, { signal }) =>
    seenInResponse(await connect(to).responses.create(responsesBody(asked), { ...(signal && { signal }) }));
  const stream: Ask = async (to, asked, { signal, onText }) => {
    const streaming = connect(to).responses.stream(responsesBody(asked), { ...(signal && { signal }) });
    streaming.on('response.output_text.delta', () => onText?.());
    return seenInResponse(await streaming.finalResponse());
  };
  return { name, features: everything.filter((feature) => feature !== 'logprobs'), whole, stream };
}

/** What a response says. */
export function seenInResponse({ output, status }: OpenAI7.Responses.Response): Seen {
  const texts = output.flatMap((item) => (item.type === 'message' ? item.content : []));
  return {
    text: texts.map((part) => (part.type === 'output_text' ? part.text : '')).join(''),
    reasoning: output
      .flatMap((item) => (item.type === 'reasoning' ? (item.content ?? []) : []))
      .map(({ text }) => text)
      .join(''),
    calls: output.flatMap((item) =>
      item.type === 'function_call' ? [{ name: item.name, input: parseJson(item.arguments) }] : [],
    ),
    finish: status,
    logprobs: [],
  };
}
