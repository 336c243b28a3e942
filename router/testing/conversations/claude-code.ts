import { messages } from '../../dialects/anthropic/routes.ts';
import { answer, listed, turn, type CodingClient, type Segment } from './oracle.ts';
import { TextSource, type Step } from './script.ts';

type Block = Readonly<Record<string, unknown>> & { readonly type: string };
interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: readonly Block[];
}
interface Body {
  readonly system: readonly { readonly text: string }[];
  readonly tools: readonly { name: string; description: string; input_schema: object }[];
  readonly messages: readonly Message[];
}

const billing = 'x-anthropic-billing-header:';
const cached = { cache_control: { type: 'ephemeral' } };
const fixed = new TextSource(11);
const tools = Array.from({ length: 16 }, () => {
  const { parameters, ...tool } = fixed.tool();
  return { ...tool, input_schema: parameters };
});
const rules = fixed.prose(14_000);
const reminder = `<system-reminder>\n${fixed.prose(1500)}\n</system-reminder>`;

/**
 * Claude Code on `/v1/messages`: a billing block that is another one in each request, the marks of what is to be cached on
 * system prompt and on the newest two messages of the user, so that they move.
 */
export const claudeCode: CodingClient = {
  dialect: messages,
  body(script, round) {
    const said = script.slice(0, round).flatMap((step, at) => [...asked(script, at), assistant(step)]);
    const all = [...said, ...asked(script, round)];
    const newest = all.flatMap(({ role }, at) => (role === 'user' ? [at] : [])).slice(-2);
    const cch = new TextSource(round + 1).id('');
    return {
      model: 'm',
      max_tokens: 32_000,
      metadata: { user_id: 'user_1_account__session_5' },
      thinking: { type: 'enabled', budget_tokens: 31_999 },
      system: [
        { type: 'text', text: `${billing} cc_version=2.1.36.${round}; cc_entrypoint=cli; cch=${cch};` },
        { type: 'text', text: "You are Claude Code, Anthropic's official CLI for Claude.", ...cached },
        { type: 'text', text: rules, ...cached },
      ],
      tools,
      messages: all.map((message, at) => (newest.includes(at) ? marked(message) : message)),
      stream: true,
    };
  },
  render(body, keepsReasoning) {
    const { system, tools: given, messages: said } = body as Body;
    const texts = system.filter(({ text }) => !text.startsWith(billing)).map(({ text }) => ({ text }));
    return [
      ...turn('system', ...listed(given.map(({ input_schema: parameters, ...tool }) => ({ ...tool, parameters })))),
      ...texts,
      { control: 'end' },
      ...said.flatMap((message) => rendered(message, keepsReasoning)),
      ...turn('assistant'),
    ];
  },
};

/** What the user's side says before a round: the result of the last one, and a question. */
function asked(script: readonly Step[], round: number): Message[] {
  const { question } = script[round] ?? {};
  const { call, result, picture } = script[round - 1] ?? {};
  const content: Block[] = [];
  if (call !== undefined) {
    const data = { type: 'base64', media_type: 'image/png', data: picture };
    const parts = [{ type: 'text', text: result }, ...(picture === undefined ? [] : [{ type: 'image', source: data }])];
    content.push({ type: 'tool_result', tool_use_id: call.id, content: picture === undefined ? result : parts });
  }
  if (round === 0) content.push({ type: 'text', text: reminder });
  if (question !== undefined) content.push({ type: 'text', text: question });
  return [{ role: 'user', content }];
}

function assistant({ reasoning, words, call }: Step): Message {
  const content: Block[] = [
    { type: 'thinking', thinking: reasoning, signature: new TextSource(reasoning.length).base64(180) },
    { type: 'text', text: words },
  ];
  if (call !== undefined) content.push({ type: 'tool_use', ...call });
  return { role: 'assistant', content };
}

function marked({ role, content }: Message): Message {
  return { role, content: content.map((block, i) => (i === content.length - 1 ? { ...block, ...cached } : block)) };
}

function rendered({ role, content }: Message, keepsReasoning: boolean): Segment[] {
  const of = (type: string): Block | undefined => content.find((block) => block.type === type);
  if (role === 'assistant') {
    const call = of('tool_use') as Step['call'];
    const [reasoning, words] = [String(of('thinking')?.['thinking']), String(of('text')?.['text'])];
    return [...turn('assistant'), ...answer({ reasoning, words, ...(call && { call }) }, keepsReasoning)];
  }
  return [...turn('user', ...content.flatMap(renderedBlock)), { control: 'end' }];
}

function renderedBlock(block: Block): Segment[] {
  const { type, text, content, source } = block;
  if (type === 'image') return [{ picture: (source as { data: string }).data }];
  if (type === 'text') return [{ text: String(text) }];
  const parts = Array.isArray(content) ? (content as Block[]).flatMap(renderedBlock) : [{ text: String(content) }];
  return [{ control: 'result' }, ...parts, { control: 'result-end' }];
}
