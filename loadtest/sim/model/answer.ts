import type { TextOrder } from './exact-text.ts';
import type { TokenizedPrompt } from './tokens.ts';
import type { VllmError } from './vllm-errors.ts';

/** A function that a request offers, with the JSON schema of its arguments. */
export interface Tool {
  readonly name: string;
  readonly parameters: unknown;
}

/** What a request asks of the model, whichever API it came by. */
export interface ModelRequest {
  readonly prompt: TokenizedPrompt;
  /** Output tokens of each choice at most. */
  readonly maxTokens: number;
  readonly choices: number;
  /** Go on to `maxTokens` instead of ending where the text ends. */
  readonly ignoreEnd: boolean;
  /** How long the text is that the model wants to write; by itself it decides. */
  readonly ordered: Omit<TextOrder, 'seed'> | undefined;
  readonly stop: readonly string[];
  readonly stream: boolean;
  /** Think aloud first. */
  readonly reasons: boolean;
  /** Tools to call in place of text. */
  readonly calls: readonly Tool[];
  /** JSON schema that the text has to fit. */
  readonly schema: unknown;
  /** Answered at once and kept, to be asked for later. */
  readonly background: boolean;
  /** The answer in the shapes of the request's API. */
  render(answer: Answer): Rendering;
}

/** A stretch of one choice that is reasoning, text, or the arguments of a call. */
export interface Part {
  readonly choice: number;
  /** Its place among the parts of its choice. */
  readonly index: number;
  readonly kind: 'reasoning' | 'text' | 'call';
  readonly tokens: readonly string[];
  /** Of a call: its id, the function's name, its place among the calls. */
  readonly call: { readonly id: string; readonly name: string; readonly index: number } | undefined;
}

/** One of the texts that were asked for. */
export interface Choice {
  readonly parts: readonly Part[];
  readonly finishReason: 'stop' | 'length' | 'tool_calls';
  readonly stopReason: string | null;
}

/** One token of the engine: which of a part, and whether its choice ends with it. */
export interface AnswerToken {
  readonly part: Part;
  readonly at: number;
  readonly last: boolean;
}

/** An answer, written before it is streamed: the engine only says when each of its tokens is there. */
export interface Answer {
  /** The request's id, without what an API puts before it. */
  readonly id: string;
  readonly model: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly choices: readonly Choice[];
  /** Tokens of all choices in the order in which the engine makes them. */
  readonly tokens: readonly AnswerToken[];
  readonly promptTokens: number;
  cachedTokens: number;
}

/** An answer on the wire. Frames are made once and in order. */
export interface Rendering {
  /** What comes before the first token. */
  opening(): string;
  token(index: number): string;
  closing(): string;
  /** The end of a stream that cannot go on. */
  failure(error: VllmError): string;
  /** The whole answer as one JSON value. */
  whole(): unknown;
  /** What a background request is answered with, and how what is kept of it can be dropped. */
  readonly pending?: (cancel: () => void) => unknown;
}

/** The text of a part. */
export function textOf(part: Part): string {
  return part.tokens.join('');
}

/** The parts of one kind in a choice, put together. */
export function textOfKind(choice: Choice, kind: 'reasoning' | 'text'): string {
  return choice.parts
    .filter((part) => part.kind === kind)
    .map(textOf)
    .join('');
}

/** Output tokens that are reasoning. */
export function reasoningTokens(answer: Answer): number {
  return answer.tokens.filter(({ part }) => part.kind === 'reasoning').length;
}
