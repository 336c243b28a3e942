import { responses } from '../../dialects/openai/responses.ts';
import { answer, listed, turn, type CodingClient, type Segment } from './oracle.ts';
import { TextSource, type Step, type Tool } from './script.ts';

type Item = Readonly<Record<string, unknown>> & { readonly type: string };
interface Body {
  readonly instructions: string;
  readonly tools: readonly Tool[];
  readonly input: readonly Item[];
}

const fixed = new TextSource(12);
const tools = Array.from({ length: 9 }, () => ({ type: 'function', strict: false, ...fixed.tool() }));
const instructions = fixed.prose(20_000);
const environment = `<environment_context>\n  <cwd>/src</cwd>\n${fixed.prose(800)}</environment_context>`;

/** Codex on `/v1/responses`: nothing stored, so each request carries all items, reasoning as encrypted text among them. */
export const codex: CodingClient = {
  dialect: responses,
  body(script, round) {
    const said = script.slice(0, round).flatMap((step) => itemsOf(step));
    return {
      model: 'm',
      instructions,
      input: [
        message('developer', '<permissions instructions>\nThe sandbox may write to /src.</permissions instructions>'),
        message('user', environment),
        ...said,
        ...question(script[round]),
      ],
      tools,
      tool_choice: 'auto',
      parallel_tool_calls: true,
      reasoning: { effort: 'high', summary: 'auto' },
      store: false,
      stream: true,
      include: ['reasoning.encrypted_content'],
      prompt_cache_key: '0198c0de-0000-7000-8000-000000000001',
    };
  },
  render(body, keepsReasoning) {
    const { instructions: text, tools: given, input } = body as Body;
    return [
      ...turn('system', ...listed(given), { text }, { control: 'end' }),
      ...turns(input, keepsReasoning),
      ...turn('assistant'),
    ];
  },
};

function message(role: string, text: string): Item {
  const type = role === 'assistant' ? 'output_text' : 'input_text';
  return { type: 'message', role, content: [{ type, text }] };
}

function question(step: Step | undefined): Item[] {
  return step?.question === undefined ? [] : [message('user', step.question)];
}

function itemsOf(step: Step): Item[] {
  const { reasoning, words, call, result, picture } = step;
  const sealed = Buffer.from(reasoning).toString('base64url');
  const items = [
    ...question(step),
    { type: 'reasoning', summary: [], content: null, encrypted_content: sealed },
    message('assistant', words),
  ];
  if (call === undefined) return items;
  const { id, name, input } = call;
  const shot = { type: 'input_image', image_url: `data:image/png;base64,${picture}` };
  const output = picture === undefined ? result : [{ type: 'input_text', text: result }, shot];
  return [
    ...items,
    { type: 'function_call', name, arguments: JSON.stringify(input), call_id: id },
    { type: 'function_call_output', call_id: id, output },
  ];
}

/** Reasoning, words and call of one answer are one turn. */
function turns(input: readonly Item[], keepsReasoning: boolean): Segment[] {
  return input.flatMap((item, at) => {
    const { type, role, output } = item;
    if (type === 'function_call_output') return [...turn('tool', ...contentOf(output)), { control: 'end' }];
    if (type === 'message' && role !== 'assistant')
      return [...turn(String(role), ...contentOf(item['content'])), { control: 'end' }];
    if (type !== 'reasoning') return [];
    const [said, called] = [input[at + 1], input[at + 2]];
    const [words] = contentOf(said?.['content']);
    const reasoning = Buffer.from(String(item['encrypted_content']), 'base64url').toString();
    const call = called?.type === 'function_call' && {
      call: {
        id: '',
        name: String(called['name']),
        input: JSON.parse(String(called['arguments'])) as Record<string, unknown>,
      },
    };
    return [
      ...turn('assistant'),
      ...answer({ reasoning, words: words && 'text' in words ? words.text : '', ...call }, keepsReasoning),
    ];
  });
}

function contentOf(content: unknown): Segment[] {
  if (typeof content === 'string') return [{ text: content }];
  return (content as Item[]).map(({ type, text, image_url }) =>
    type === 'input_image' ? { picture: String(image_url) } : { text: String(text) },
  );
}
