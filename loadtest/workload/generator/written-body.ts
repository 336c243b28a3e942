import { renderChat } from '#loadtest/sim/model/chat-template.ts';
import { exactText } from '#loadtest/sim/model/exact-text.ts';
import { tokenize } from '#loadtest/sim/model/tokens.ts';
import { bytesOf, messageBytes } from '#loadtest/virtual/text-length.ts';
import type { PromptPart, Turn } from '#loadtest/workload/turn.ts';
import { writeTools } from './written-tools.ts';

const openingOf = (role: string): string => `{"role":"${role}","content":"`;
const closing = '"}';

/** Tokens of the template: of the answer's begin behind the last message, and around a message. */
const answerTokens = tokensOf([]);
const messageTokens = tokensOf([{ role: 'user', content: '' }]) - answerTokens;

/**
 * How a body says how long the answer is to be: `sim` to `loadtest/sim` alone, so that no router can read it; `exact` to vLLM,
 * SGLang and llama.cpp, which then do not end sooner; `at-most` to any server.
 */
export const answerOrders = ['sim', 'exact', 'at-most'] as const;

/** Texts that are kept for all; those of a trace may be many. */
const sharedMax = 1000;

/** How all bodies of a run are written. */
export interface BodyStyle {
  /** The name that requests call the model by. */
  readonly model: string;
  readonly answers: (typeof answerOrders)[number];
  /** Texts that many conversations have in common, by id: each is written once. */
  readonly shared: Map<number, Buffer>;
}

/**
 * One version of a conversation as bodies of chat completions. Router and engine find in them what `WrittenConversation` says
 * that they find: as many bytes in each message, as many tokens up to it. Only what a turn adds is written.
 */
export class WrittenBody {
  readonly #style: BodyStyle;
  readonly #pieces: Buffer[] = [];
  #parts = 0;
  #messages = 0;
  #hasTools = false;
  /** Tokens of the template that no text has made room for yet. */
  #owed = answerTokens;
  /** A message has begun that the next part ends. */
  #isOpen = false;
  #heard = '';

  constructor(style: BodyStyle) {
    this.#style = style;
  }

  /** The body of a turn; the answer to the one before must have been heard. */
  take({ parts, answer }: Turn): Buffer {
    for (const part of parts.slice(this.#parts)) this.#write(part);
    this.#parts = parts.length;
    return Buffer.concat([...this.#pieces, Buffer.from(`],${this.#order(answer)}}`)]);
  }

  /** What was answered, for the next turn. */
  heard(text: string): void {
    this.#heard = text;
  }

  #order(answer: PromptPart): string {
    if (this.#style.answers === 'sim') {
      const bytes = bytesOf(answer) + messageBytes - openingOf('assistant').length - closing.length;
      return `"vllm_xargs":${JSON.stringify({ answer_tokens: answer.tokens, answer_bytes: bytes })}`;
    }
    const exact = this.#style.answers === 'exact' && { ignore_eos: true };
    // A call of a tool would end the answer: the tools are there to be read.
    const words = this.#hasTools && { tool_choice: 'none' };
    return JSON.stringify({ max_tokens: answer.tokens, ...exact, ...words }).slice(1, -1);
  }

  #head(): string {
    const { model } = this.#style;
    return JSON.stringify({ model, stream: true, stream_options: { include_usage: true } }).slice(0, -1);
  }

  #write(part: PromptPart): void {
    if (part.kind === 'tools') {
      this.#hasTools = true;
      this.#push(`${this.#head()},"tools":`);
      const { id, tokens } = part;
      this.#pushShared(id, () => writeTools({ seed: id, tokens, bytes: bytesOf(part) + messageBytes }));
      this.#push(',"messages":[');
      return;
    }
    if (this.#pieces.length === 0) this.#push(`${this.#head()},"messages":[`);
    if (!this.#isOpen) {
      if (this.#messages > 0) this.#push(',');
      this.#messages += 1;
      // That of a system message behind tools is counted in with them.
      if (part.kind !== 'system' || !this.#hasTools) this.#owed += messageTokens;
    }
    this.#writeMessage(part);
  }

  #writeMessage(part: PromptPart): void {
    const { id, kind, tokens } = part;
    if (kind === 'answer')
      return this.#push(`${openingOf('assistant')}${JSON.stringify(this.#heard).slice(1, -1)}${closing}`);
    const opening = this.#isOpen ? '' : openingOf(kind === 'system' ? 'system' : 'user');
    // The question behind a repository is of the same message.
    this.#isOpen = kind === 'repository';
    const end = this.#isOpen ? '' : closing;
    const order = { seed: id, bytes: bytesOf(part) + messageBytes - opening.length - end.length };
    if (kind === 'system' || kind === 'repository') {
      this.#push(opening);
      this.#pushShared(id, () => exactText({ ...order, tokens }));
      return this.#push(end);
    }
    const own = Math.max(1, tokens - this.#owed);
    this.#owed -= tokens - own;
    this.#push(opening + exactText({ ...order, tokens: own }) + end);
  }

  #push(text: string): void {
    this.#pieces.push(Buffer.from(text));
  }

  /** The same bytes for all: thousands of conversations have them in common. */
  #pushShared(id: number, write: () => string): void {
    const { shared } = this.#style;
    const text = shared.get(id) ?? Buffer.from(write());
    if (shared.size < sharedMax) shared.set(id, text);
    this.#pieces.push(text);
  }
}

function tokensOf(messages: readonly unknown[]): number {
  return tokenize(renderChat({ messages }), 1).tokens;
}
