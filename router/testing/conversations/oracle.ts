import type { Dialect } from '../../dialects/dialect.ts';
import type { Step } from './script.ts';

/** A piece of a rendered prompt: a control token of the template, text, or a picture. */
export type Segment = { readonly control: string } | { readonly text: string } | { readonly picture: string };

/** A coding agent: what it sends, and how a chat template renders that. */
export interface CodingClient {
  readonly dialect: Dialect;
  /** What it sends in a round, everything before that included. */
  body(script: readonly Step[], round: number): object;
  /** The prompt; `keepsReasoning`: the template does. */
  render(body: object, keepsReasoning: boolean): Segment[];
}

/** Tokens of a prompt as the engine counted them, and how many of them it had. */
export interface Counted {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

/** Tokens that a picture takes. */
const pictureTokens = 1225;
/** vLLM's blocks; only whole ones are cached. */
const blockTokens = 16;
/** How tokenizers of GPT's family cut text before they merge (o200k, MIT), words in pieces of six letters. */
const pieces = /[^\r\n\p{L}\p{N}]?\p{L}{1,6}|\p{N}{1,3}| ?[^\s\p{L}\p{N}]{1,3}[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu;

/** An engine that keeps all that it has seen, and counts what a request would find. */
export class OracleEngine {
  readonly #client: CodingClient;
  readonly #keepsReasoning: boolean;
  readonly #held: string[][] = [];
  readonly #texts = new Map<string, readonly string[]>();

  constructor(client: CodingClient, keepsReasoning: boolean) {
    this.#client = client;
    this.#keepsReasoning = keepsReasoning;
  }

  /** Takes a request and answers with this step. */
  serve(body: object, step: Step): Counted {
    const prompt = this.#tokensOf(this.#client.render(body, this.#keepsReasoning));
    const output = this.#tokensOf(answer(step, true));
    const common = this.#commonWith(prompt);
    this.#held.push([...prompt, ...output]);
    const cachedTokens = Math.floor(Math.min(common, prompt.length - 1) / blockTokens) * blockTokens;
    return { promptTokens: prompt.length, completionTokens: output.length, cachedTokens };
  }

  /** The newest are the longest: most of the others need no look. */
  #commonWith(prompt: readonly string[]): number {
    let common = 0;
    for (const held of this.#held.toReversed())
      if (held.length > common) common = Math.max(common, commonTokens(held, prompt));
    return common;
  }

  #tokensOf(segments: readonly Segment[]): string[] {
    return segments.flatMap((segment) => {
      if ('control' in segment) return [`\u0000${segment.control}`];
      if ('picture' in segment) return Array.from({ length: pictureTokens }, () => segment.picture);
      const known = this.#texts.get(segment.text) ?? segment.text.match(pieces) ?? [];
      this.#texts.set(segment.text, known);
      return known;
    });
  }
}

/** A turn of the template, without its end. */
export function turn(role: string, ...content: readonly Segment[]): Segment[] {
  return [{ control: 'turn' }, { text: `${role}\n` }, ...content];
}

/** How the assistant's words are rendered, and how they are generated. */
export function answer(
  { reasoning, words, call }: Pick<Step, 'reasoning' | 'words' | 'call'>,
  keepsReasoning: boolean,
): Segment[] {
  return [
    ...(keepsReasoning ? [{ control: 'think' }, { text: reasoning }, { control: 'think-end' }] : []),
    ...(words === '' ? [] : [{ text: words }]),
    ...(call === undefined
      ? []
      : [{ control: 'call' }, { text: `${call.name}\n${JSON.stringify(call.input)}` }, { control: 'call-end' }]),
    { control: 'end' },
  ];
}

/** The tools as templates list them. */
export function listed(tools: readonly { name: string; description: string; parameters: object }[]): Segment[] {
  const lines = tools.map(({ name, description, parameters }) => JSON.stringify({ name, description, parameters }));
  return [{ text: '# Tools\n' }, ...lines.map((text) => ({ text: `${text}\n` }))];
}

function commonTokens(a: readonly string[], b: readonly string[]): number {
  let at = 0;
  while (at < b.length && a[at] === b[at]) at++;
  return at;
}
