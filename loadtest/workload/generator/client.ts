import { Agent, request, type Dispatcher } from 'undici';
import { Deadline } from '#shared/runtime/deadline.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { AnswerError, AnswerReader, type Answer } from './answer-reader.ts';

/** How a request ended; times by the clock. */
export type Heard =
  | ({ readonly kind: 'done' } & Answer)
  | {
      readonly kind: 'refused' | 'broken';
      /** A status, what became of the connection, or what the stream said. */
      readonly code: string;
      /** What the other side said of it. */
      readonly words: string;
      /** When to ask again; left out where that is of no use. */
      readonly againInMs?: number;
      /** Where the answer had begun before it broke off. */
      readonly firstAt?: number;
    };

/** What a client is given. */
export interface ClientPlace {
  /** Up to, and without, `/v1`. */
  readonly url: string;
  readonly token?: string;
  readonly clock: Clock;
  /** A request for whose answer nothing came for so long is given up, milliseconds. */
  readonly timeoutMs: number;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

/** A client whose connection has ended, or who is not told when to come back, asks again after so long, milliseconds. */
const brokenRetryMs = 500;
/** What is read of an error's body. */
const errorBytesMax = 8192;

/** Asks with a connection for each request, so that a layer-4 balancer in between may take another router each time. */
export class Client implements AsyncDisposable {
  readonly #place: ClientPlace;
  readonly #agent = new Agent({ pipelining: 0, headersTimeout: 0, bodyTimeout: 0, allowH2: false });

  constructor(place: ClientPlace) {
    this.#place = place;
  }

  /** Sends a body of chat completions and reads the stream to its end. @throws the signal's reason */
  async ask(body: Buffer, headers: Readonly<Record<string, string>>): Promise<Heard> {
    const { url, token, signal, clock, timeoutMs } = this.#place;
    signal.throwIfAborted();
    const own = new AbortController();
    const stop = (): void => own.abort('over');
    const reader = new AnswerReader(clock);
    using silence = new Deadline(clock, timeoutMs, () => own.abort('silent'));
    signal.addEventListener('abort', stop);
    try {
      const response = await request(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: {
          ...headers,
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          'content-type': 'application/json',
        },
        body,
        dispatcher: this.#agent,
        signal: own.signal,
      });
      if (response.statusCode !== 200) return await refusal(response);
      return { kind: 'done', ...(await readAll(response, reader, silence)) };
    } catch (error) {
      signal.throwIfAborted();
      const code = own.signal.aborted ? 'timeout' : errorCode(error);
      const { firstAt } = reader;
      const began = firstAt !== undefined && { firstAt };
      return { kind: 'broken', code, words: wordsOf(error), againInMs: brokenRetryMs, ...began };
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#agent.destroy();
  }
}

/** @throws AnswerError, and what becomes of the connection */
async function readAll(
  { headers, body }: Dispatcher.ResponseData,
  reader: AnswerReader,
  silence: Deadline,
): Promise<Answer> {
  if (!String(headers['content-type']).startsWith('text/event-stream')) {
    await body.dump();
    throw new AnswerError('no stream', `it answered with ${String(headers['content-type'])}`);
  }
  for await (const bytes of body as AsyncIterable<Buffer>) if (reader.take(bytes)) silence.touch();
  return reader.end();
}

async function refusal({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Heard> {
  let text = '';
  for await (const bytes of body as AsyncIterable<Buffer>) {
    text += bytes.toString();
    if (text.length > errorBytesMax) break;
  }
  const told = { code: String(statusCode), words: messageOf(text) };
  const afterMs = retryAfterMs(headers);
  if (statusCode === 429 || statusCode === 503)
    return { kind: 'refused', ...told, againInMs: afterMs ?? brokenRetryMs };
  if (afterMs !== undefined) return { kind: 'refused', ...told, againInMs: afterMs };
  // What is wrong with a request itself does not get better; 408, 409 and 425 do.
  const isFinal = statusCode < 500 && ![408, 409, 425].includes(statusCode);
  return { kind: 'broken', ...told, ...(!isFinal && { againInMs: brokenRetryMs }) };
}

/** As RFC 9110 has it, seconds or a date, and in the milliseconds that OpenAI's clients read first. */
function retryAfterMs(headers: Dispatcher.ResponseData['headers']): number | undefined {
  const ms = Number(headers['retry-after-ms']);
  if (ms > 0) return ms;
  const told = String(headers['retry-after']);
  const seconds = Number(told);
  const left = Number.isNaN(seconds) ? Date.parse(told) - Date.now() : 1000 * seconds;
  return left > 0 ? left : undefined;
}

/** The message of an error body: `{"error": {"message": …}}`, or what stands there. */
function messageOf(text: string): string {
  const body = parseJson(text) as { error?: { message?: unknown } | string; message?: unknown } | null | undefined;
  const error = body?.error;
  const message = typeof error === 'object' ? error.message : (error ?? body?.message);
  return typeof message === 'string' ? message : text;
}

/** Ends of connections have one name each, whoever notices them. */
const connectionCodes: Readonly<Record<string, string>> = {
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  ECONNREFUSED: 'refused connection',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
};

/** What a stream, a socket or undici calls it. */
function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
  return connectionCodes[code] ?? code;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
