import { Agent, request } from 'undici';
import type { Clock } from '#shared/runtime/clock.ts';

/** How an answer came; times by the clock. */
export type Heard =
  | {
      readonly kind: 'done';
      readonly firstAt: number;
      readonly lastAt: number;
      readonly text: string;
      readonly outputTokens: number;
      readonly promptTokens: number;
      readonly cachedTokens: number;
    }
  | { readonly kind: 'refused'; readonly code: string; readonly retryAfterMs: number }
  | { readonly kind: 'broken'; readonly code: string };

/** What a client is given. */
export interface ClientPlace {
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta: { readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number };
  } | null;
}

const framePrefix = 'data: ';
const endMark = 'data: [DONE]';

/** Asks with a connection for each request, so that a layer-4 balancer in between may take another router each time. */
export class Client implements AsyncDisposable {
  readonly #place: ClientPlace;
  readonly #agent = new Agent({ pipelining: 0, headersTimeout: 0, bodyTimeout: 0 });

  constructor(place: ClientPlace) {
    this.#place = place;
  }

  /** Sends a body of chat completions and reads the stream to its end. @throws the signal's reason */
  async ask(body: Buffer, headers: Readonly<Record<string, string>>): Promise<Heard> {
    const { url, token, signal } = this.#place;
    try {
      const response = await request(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body,
        dispatcher: this.#agent,
        signal,
      });
      if (response.statusCode === 200) return await this.#read(response.body);
      await response.body.dump();
      const seconds = Number(response.headers['retry-after']);
      const code = String(response.statusCode);
      return seconds > 0 ? { kind: 'refused', code, retryAfterMs: seconds * 1000 } : { kind: 'broken', code };
    } catch (error) {
      signal.throwIfAborted();
      return { kind: 'broken', code: errorCode(error) };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#agent.destroy();
  }

  async #read(stream: AsyncIterable<Buffer>): Promise<Heard> {
    const { clock } = this.#place;
    const decoder = new TextDecoder();
    let rest = '';
    let text = '';
    let [firstAt, lastAt] = [0, 0];
    let usage: Chunk['usage'];
    let isWhole = false;
    for await (const bytes of stream) {
      const frames = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) {
        if (frame === endMark) isWhole = true;
        if (frame === endMark || !frame.startsWith(framePrefix)) continue;
        const chunk = JSON.parse(frame.slice(framePrefix.length)) as Chunk;
        usage = chunk.usage ?? usage;
        const content = chunk.choices?.[0]?.delta.content ?? '';
        if (content === '') continue;
        text += content;
        lastAt = clock.monotonic();
        if (firstAt === 0) firstAt = lastAt;
      }
    }
    if (!isWhole) return { kind: 'broken', code: 'cut' };
    if (usage === undefined || usage === null) return { kind: 'broken', code: 'no usage' };
    const cachedTokens = usage.prompt_tokens_details?.cached_tokens ?? 0;
    const counts = { promptTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens, cachedTokens };
    return { kind: 'done', firstAt, lastAt, text, ...counts };
  }
}

/** What a socket or undici calls it. */
function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'error';
}
