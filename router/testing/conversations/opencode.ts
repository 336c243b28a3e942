import { chatCompletions } from '../../dialects/openai/routes.ts';
import { answer, listed, turn, type CodingClient, type Segment } from './oracle.ts';
import { TextSource, type Step, type Tool } from './script.ts';

interface Message {
  readonly role: string;
  readonly content: string | readonly { type: string; text?: string; image_url?: { url: string } }[];
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly { id: string; function: { name: string; arguments: string } }[];
}
interface Body {
  readonly messages: readonly Message[];
  readonly tools: readonly { function: Tool }[];
}

const fixed = new TextSource(13);
const tools = Array.from({ length: 12 }, () => ({ type: 'function', function: fixed.tool() }));
const rules = fixed.prose(10_000);

/** opencode on `/v1/chat/completions`, through the AI SDK: reasoning comes back in `reasoning_content`. */
export const opencode: CodingClient = {
  dialect: chatCompletions,
  body(script, round) {
    const said = script.slice(0, round).flatMap((step, at) => [...asked(script, at), assistant(step)]);
    return {
      model: 'm',
      max_tokens: 32_000,
      messages: [{ role: 'system', content: rules }, ...said, ...asked(script, round)],
      tools,
      tool_choice: 'auto',
      stream: true,
      stream_options: { include_usage: true },
    };
  },
  render(body, keepsReasoning) {
    const { messages, tools: given } = body as Body;
    const [system, ...said] = messages;
    return [
      ...turn('system', ...listed(given.map((tool) => tool.function)), ...contentOf(system), { control: 'end' }),
      ...said.flatMap((message) => rendered(message, keepsReasoning)),
      ...turn('assistant'),
    ];
  },
};

function asked(script: readonly Step[], round: number): object[] {
  const { question } = script[round] ?? {};
  const { call, result, picture } = script[round - 1] ?? {};
  const url = `data:image/png;base64,${picture}`;
  const shot = {
    role: 'user',
    content: [
      { type: 'text', text: 'The screenshot:' },
      { type: 'image_url', image_url: { url } },
    ],
  };
  return [
    ...(call === undefined ? [] : [{ role: 'tool', tool_call_id: call.id, content: result }]),
    ...(picture === undefined ? [] : [shot]),
    ...(question === undefined ? [] : [{ role: 'user', content: question }]),
  ];
}

function assistant({ reasoning, words, call }: Step): object {
  const message = { role: 'assistant', content: words, reasoning_content: reasoning };
  if (call === undefined) return message;
  const { id, name, input } = call;
  return { ...message, tool_calls: [{ id, type: 'function', function: { name, arguments: JSON.stringify(input) } }] };
}

function rendered(message: Message, keepsReasoning: boolean): Segment[] {
  const { role, content, reasoning_content: reasoning = '', tool_calls: [called] = [] } = message;
  if (role !== 'assistant') return [...turn(role, ...contentOf(message)), { control: 'end' }];
  const call = called && {
    call: {
      id: '',
      name: called.function.name,
      input: JSON.parse(called.function.arguments) as Record<string, unknown>,
    },
  };
  return [...turn('assistant'), ...answer({ reasoning, words: String(content), ...call }, keepsReasoning)];
}

function contentOf(message: Message | undefined): Segment[] {
  const { content = '' } = message ?? {};
  if (typeof content === 'string') return [{ text: content }];
  return content.map(({ text, image_url }) =>
    image_url === undefined ? { text: text ?? '' } : { picture: image_url.url },
  );
}
