import { parseJson } from '#shared/runtime/parse-json.ts';
import type { Clock } from '#shared/runtime/clock.ts';

/** What an answer came to; times by the clock. */
export interface Answer {
  readonly firstAt: number;
  readonly lastAt: number;
  readonly text: string;
  /** As its usage says; without one, the pieces that came. */
  readonly outputTokens: number;
  readonly promptTokens?: number;
  /** Left out where usage says nothing of it. */
  readonly cachedTokens?: number;
}

/** What may stand in a frame. Another's server wrote it: any of it may be missing. */
interface Chunk {
  readonly choices?: readonly {
    readonly delta?: {
      readonly content?: string | null;
      /** vLLM's and OpenRouter's name, and DeepSeek's and llama.cpp's. */
      readonly reasoning?: string | null;
      readonly reasoning_content?: string | null;
      readonly tool_calls?: readonly unknown[] | null;
    };
  }[];
  readonly usage?: {
    readonly prompt_tokens?: number;
    readonly completion_tokens?: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null;
  } | null;
  readonly error?: { readonly message?: string; readonly code?: string | number | null; readonly type?: string };
}

/** Characters of one line; a server that ends none is not read on. */
const lineMax = 4_000_000;

/** Thrown for a stream that is none, or whose server says in it that it failed. */
export class AnswerError extends Error {
  override name = 'AnswerError';
  readonly code: string;

  constructor(code: string, message = code) {
    super(message);
    this.code = code;
  }
}

/** Reads a streamed chat completion: server-sent events of one line each, as all OpenAI-compatible servers write them. */
export class AnswerReader {
  readonly #clock: Clock;
  readonly #decoder = new TextDecoder();
  #rest = '';
  #text = '';
  #pieces = 0;
  #firstAt: number | undefined;
  #lastAt = 0;
  #usage: Chunk['usage'];
  #isWhole = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** When the answer began, if it has. */
  get firstAt(): number | undefined {
    return this.#firstAt;
  }

  /** Whether a part of the answer was in it: a word, a thought, a call of a tool. @throws AnswerError */
  take(bytes: Uint8Array): boolean {
    const before = this.#pieces;
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > lineMax) throw new AnswerError('long line');
    for (const line of lines) if (line.startsWith('data:')) this.#read(line.slice('data:'.length).trim());
    return this.#pieces > before;
  }

  /** @throws AnswerError when the end mark has not come */
  end(): Answer {
    if (!this.#isWhole) throw new AnswerError('cut');
    const { prompt_tokens: promptTokens, completion_tokens: outputTokens = this.#pieces } = this.#usage ?? {};
    const cachedTokens = this.#usage?.prompt_tokens_details?.cached_tokens ?? undefined;
    // Of an answer without a word, the end is all that came.
    const { firstAt = this.#clock.monotonic() } = this;
    return {
      firstAt,
      lastAt: Math.max(firstAt, this.#lastAt),
      text: this.#text,
      outputTokens,
      ...(promptTokens !== undefined && { promptTokens }),
      ...(cachedTokens !== undefined && { cachedTokens }),
    };
  }

  #read(data: string): void {
    if (data === '[DONE]') {
      this.#isWhole = true;
      return;
    }
    const chunk = parseJson(data) as Chunk | null | undefined;
    if (chunk === undefined || chunk === null) throw new AnswerError('bad frame');
    const { error } = chunk;
    if (error !== undefined && error !== null)
      throw new AnswerError(`in stream: ${error.code ?? error.type ?? 'error'}`, error.message);
    this.#usage = chunk.usage ?? this.#usage;
    const delta = chunk.choices?.[0]?.delta;
    const content = delta?.content ?? '';
    if (!content && !delta?.reasoning && !delta?.reasoning_content && !delta?.tool_calls?.length) return;
    this.#text += content;
    this.#pieces += 1;
    this.#lastAt = this.#clock.monotonic();
    this.#firstAt ??= this.#lastAt;
  }
}
