import Anthropic1 from '@anthropic-ai/sdk';
import Anthropic0 from 'anthropic-0';
import { maxTokens, servedModel, weather, type Ask, type Asked, type Connection, type Sdk, type Seen } from './sdk.ts';

type Client = Anthropic1;

/** The SDK of Anthropic in two majors. */
export const anthropicSdks: readonly Sdk[] = [
  messages('anthropic 1', ({ url, key }) => new Anthropic1({ baseURL: url, apiKey: key, maxRetries: 0 })),
  messages('anthropic 0', anthropic0),
];

/** What both majors have is all that is used. */
function anthropic0({ url, key }: Connection): Client {
  const client: object = new Anthropic0({ baseURL: url, apiKey: key, maxRetries: 0 });
  if (isClient(client)) return client;
  throw new Error('anthropic 0 lacks what anthropic 1 has.');
}

function isClient(client: object): client is Client {
  return 'messages' in client;
}

function messages(name: string, connect: (to: Connection) => Client): Sdk {
  const whole: Ask = async (to, asked, { signal }) =>
    seenInMessage(await connect(to).messages.create(messagesBody(asked), { ...(signal && { signal }) }));
  const stream: Ask = async (to, asked, { signal, onText }) => {
    const streaming = connect(to).messages.stream(messagesBody(asked), { ...(signal && { signal }) });
    streaming.on('text', () => onText?.());
    return seenInMessage(await streaming.finalMessage());
  };
  return { name, features: ['tool', 'schema', 'reasons', 'image', 'leaving'], whole, stream };
}

/** A body of Anthropic's API. */
export function messagesBody(asked: Asked): Anthropic1.MessageCreateParamsNonStreaming {
  const { model = servedModel, text, image, tool, schema, reasons } = asked;
  const content: Anthropic1.ContentBlockParam[] = [{ type: 'text', text }];
  if (image !== undefined)
    content.push({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } });
  const { name, description, schema: input_schema } = weather;
  return {
    model,
    max_tokens: maxTokens,
    messages: [{ role: 'user', content: image === undefined ? text : content }],
    ...(tool && {
      tools: [{ name, description, input_schema: { ...input_schema, required: [...input_schema.required] } }],
    }),
    ...(schema && { output_config: { format: { type: 'json_schema', schema: input_schema } } }),
    ...(reasons && { thinking: { type: 'enabled', budget_tokens: 1024 } }),
  };
}

/** What a message says. */
export function seenInMessage({ content, stop_reason }: Anthropic1.Message): Seen {
  return {
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    reasoning: content.map((block) => (block.type === 'thinking' ? block.thinking : '')).join(''),
    calls: content.flatMap((block) => (block.type === 'tool_use' ? [{ name: block.name, input: block.input }] : [])),
    finish: stop_reason ?? undefined,
    logprobs: [],
  };
}
