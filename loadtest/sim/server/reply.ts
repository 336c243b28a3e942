import type { ServerResponse } from 'node:http';
import type { Rendering } from '../model/answer.ts';
import type { VllmError } from '../model/vllm-errors.ts';

/** A point in the answer at which it goes no further; `strike` is called once when it is reached. */
export interface Breakpoint {
  readonly afterTokens: number;
  readonly strike: () => void;
}

/** Frames that share one write when a fast engine has made several tokens at once. */
const framesPerWrite = 64;

/** What a reply is made of. */
export interface ReplyOptions {
  readonly response: ServerResponse;
  readonly rendering: Rendering;
  /** An error before the head, as the API of the request says it. */
  readonly errorBody: (error: VllmError) => unknown;
  /** Output tokens of the whole answer. */
  readonly total: number;
  readonly breakpoint?: Breakpoint | undefined;
  /** How long a reader may take nothing before it is cut, milliseconds. */
  readonly stalledReaderTimeoutMs: number;
}

/** An answer on its way to one client. */
export interface Reply {
  /** Sends what comes before the first token. */
  begin(): void;
  /** So many tokens are made. */
  tokens(count: number): void;
  /** The engine cannot go on. */
  fail(error: VllmError): void;
  /** Writes nothing more and leaves the connection open. */
  freeze(): void;
}

/**
 * Streams one frame per token. Only numbers wait for a slow reader: frames are made when the socket takes them, so a
 * reader that stalls costs the socket's buffer and no more, until it is cut.
 */
export class StreamReply implements Reply {
  readonly #options: ReplyOptions;
  #made = 0;
  #written = 0;
  #state: 'flowing' | 'blocked' | 'over' = 'flowing';
  #stalled: NodeJS.Timeout | undefined;

  constructor(options: ReplyOptions) {
    this.#options = options;
  }

  begin(): void {
    const { response, breakpoint } = this.#options;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.flushHeaders();
    response.on('drain', () => this.#resume());
    response.on('close', () => this.freeze());
    if (breakpoint?.afterTokens === 0) this.#strike();
  }

  tokens(count: number): void {
    this.#made = count;
    if (this.#state === 'flowing') this.#pump();
  }

  fail(error: VllmError): void {
    if (this.#state === 'over') return;
    this.freeze();
    this.#options.response.end(this.#options.rendering.failure(error));
  }

  freeze(): void {
    this.#state = 'over';
    clearTimeout(this.#stalled);
  }

  #pump(): void {
    const { response, rendering, total, breakpoint } = this.#options;
    while (this.#state === 'flowing' && this.#written < this.#made) {
      const stop = Math.min(this.#made, this.#written + framesPerWrite, breakpoint?.afterTokens ?? Infinity);
      let text = this.#written === 0 ? rendering.opening() : '';
      for (; this.#written < stop; this.#written += 1) text += rendering.token(this.#written);
      const struck = this.#written === breakpoint?.afterTokens;
      if (this.#written === total && !struck) return this.#end(text);
      const flowing = response.write(text);
      if (struck) this.#strike();
      else if (!flowing) this.#block();
    }
  }

  #end(text: string): void {
    this.freeze();
    this.#options.response.end(text + this.#options.rendering.closing());
  }

  #strike(): void {
    this.#state = 'blocked';
    this.#options.breakpoint?.strike();
  }

  #block(): void {
    this.#state = 'blocked';
    const { response, stalledReaderTimeoutMs } = this.#options;
    this.#stalled = setTimeout(() => response.destroy(), stalledReaderTimeoutMs);
  }

  #resume(): void {
    if (this.#state !== 'blocked' || this.#stalled === undefined) return;
    clearTimeout(this.#stalled);
    this.#stalled = undefined;
    this.#state = 'flowing';
    this.#pump();
  }
}

/** Answers once, with everything. */
export class WholeReply implements Reply {
  readonly #options: ReplyOptions;
  #over = false;

  constructor(options: ReplyOptions) {
    this.#options = options;
  }

  begin(): void {
    if (this.#options.breakpoint?.afterTokens === 0) this.#strike();
  }

  tokens(count: number): void {
    const { rendering, total, breakpoint } = this.#options;
    if (this.#over) return;
    if (breakpoint !== undefined && count >= breakpoint.afterTokens) this.#strike();
    else if (count === total) this.#send(200, rendering.whole());
  }

  fail(error: VllmError): void {
    this.#send(error.status, this.#options.errorBody(error));
  }

  freeze(): void {
    this.#over = true;
  }

  #strike(): void {
    this.#options.breakpoint?.strike();
    this.#over = true;
  }

  #send(status: number, body: unknown): void {
    const { response } = this.#options;
    if (this.#over || response.destroyed) return;
    this.#over = true;
    sendJson(response, status, body);
  }
}

/** Answers at once and goes on without its client; the rest is kept by the rendering. */
export class BackgroundReply implements Reply {
  readonly #options: ReplyOptions;
  readonly #leave: () => void;
  #over = false;

  /** `leave` is called when there is nothing more to make. */
  constructor(options: ReplyOptions, leave: () => void) {
    this.#options = options;
    this.#leave = leave;
  }

  begin(): void {
    const { response, rendering } = this.#options;
    sendJson(
      response,
      200,
      rendering.pending?.(() => this.freeze()),
    );
  }

  tokens(count: number): void {
    const { rendering, total } = this.#options;
    if (this.#over || count < total) return;
    rendering.whole();
    this.freeze();
  }

  fail(error: VllmError): void {
    if (this.#over) return;
    this.#options.rendering.failure(error);
    this.freeze();
  }

  freeze(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
  }
}

/** Answers with a JSON body; `undefined` is an empty one. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  if (text !== '') response.setHeader('content-type', 'application/json');
  response.writeHead(status, { 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
