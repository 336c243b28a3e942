import { AppError, toAppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { openAiError, retryHeaders } from '../dialects/openai-error.ts';
import type { HeldAnswer } from './attempt.ts';
import { Deadline } from '#shared/runtime/deadline.ts';
import type { Outgoing } from './outgoing.ts';

/** What a reply needs; times in milliseconds. */
export interface ClientReplyOptions {
  readonly outgoing: Outgoing;
  readonly dialect: Dialect;
  readonly clock: Clock;
  readonly heartbeatAfterMs: number;
  readonly heartbeatMs: number;
  readonly clientStallTimeoutMs: number;
  /** Headers of every answer; asked for when the head is written. */
  readonly headers: () => Record<string, string>;
}

/** Why a reply has nobody to go to any more. */
export type GoneReason = 'client_gone' | 'client_stalled' | 'router_stopping';

const streamHead = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
};

/**
 * The one writer of an answer. A stream that stays silent gets its head and comments, so that no hop on the way gives
 * up; whatever goes wrong after that reaches the client as an error event, before that as a plain status.
 */
export class ClientReply implements Disposable {
  readonly #options: ClientReplyOptions;
  readonly #gone = new AbortController();
  readonly #pulse = new AbortController();
  #wroteAt: number;
  #stall: Deadline | undefined;
  #drained: (() => void) | undefined;
  #wasCut = false;
  #isStream = false;

  constructor(options: ClientReplyOptions) {
    this.#options = options;
    this.#wroteAt = options.clock.monotonic();
    const { outgoing } = options;
    outgoing.on('drain', () => this.#onDrain());
    outgoing.on('error', () => this.#leave('client_gone'));
    outgoing.on('close', () => outgoing.writableFinished || this.#wasCut || this.#leave('client_gone'));
    if (outgoing.destroyed) this.#leave('client_gone');
  }

  /** Aborts when the client has left or takes nothing any more; the reason is a `GoneReason`. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** The head is out: from now on only the dialect can say that something failed. */
  get begun(): boolean {
    return this.#options.outgoing.headersSent;
  }

  /** The answer is complete, as far as the client shall get it. */
  get ended(): boolean {
    return this.#options.outgoing.writableEnded;
  }

  /** From now on this is a stream: silence is broken by comments. */
  startHeartbeats(): void {
    this.#beat().catch(() => {});
  }

  /** Writes a stream's events; false asks for a pause until `onDrain`. Writes the head if it is not out yet. */
  writeEvents(events: readonly Buffer[]): boolean {
    this.beginStream();
    return this.#write(events);
  }

  beginStream(): void {
    if (this.begun) return;
    this.#isStream = true;
    this.#begin(200, streamHead);
  }

  /** Writes the head and first part of a whole answer that is too long to be held. */
  writePart(head: { status: number; contentType: string | undefined }, chunks: readonly Buffer[]): boolean {
    if (!this.begun) this.#begin(head.status, { 'content-type': head.contentType ?? 'application/json' });
    return this.#write(chunks);
  }

  /** Called once when the client has taken what was written. */
  onDrain(drained: () => void): void {
    this.#drained = drained;
  }

  end(): void {
    this.#quiet();
    this.#options.outgoing.end();
  }

  /** Relays a held answer: as it is when it is JSON, else inside an error that clients can read. */
  sendAnswer(answer: HeldAnswer): void {
    const wrapped = answer.status < 400 || isJson(answer.body) ? undefined : wrap(answer);
    if (this.begun) return this.#endStream(wrapped ?? relayedError(answer));
    const body = wrapped === undefined ? answer.body : Buffer.from(JSON.stringify(openAiError(wrapped)));
    const retry: Record<string, string> =
      answer.status < 400 ? {} : { 'x-should-retry': String(answer.status >= 500 || answer.status === 429) };
    const type = wrapped === undefined ? (answer.contentType ?? 'application/json') : 'application/json';
    this.#whole(answer.status, body, { ...retry, 'content-type': type });
  }

  /** Tells the client what went wrong, in whatever way is still possible: status, error event, or a broken body. */
  sendError(thrown: unknown): void {
    const error = toAppError(thrown);
    if (this.ended || this.#options.outgoing.destroyed) return;
    if (this.begun) return this.#isStream ? this.#endStream(error) : this.cut();
    this.#whole(error.status, Buffer.from(JSON.stringify(openAiError(error))), retryHeaders(error));
  }

  /** Cuts a whole answer that cannot be completed: the client sees a broken body, never a short one that looks whole. */
  cut(): void {
    this.#quiet();
    this.#wasCut = true;
    this.#options.outgoing.destroy();
  }

  /** Ends it now, whatever is under way: tells the client why, and whoever works for it to stop. */
  stop(error: AppError): void {
    this.sendError(error);
    this.#leave('router_stopping');
  }

  [Symbol.dispose](): void {
    this.#quiet();
  }

  #whole(status: number, body: Buffer, extra: Record<string, string>): void {
    this.#quiet();
    const head = { 'content-type': 'application/json', 'content-length': String(body.length), ...extra };
    this.#begin(status, head);
    this.#options.outgoing.end(body);
  }

  #begin(status: number, headers: Record<string, string>): void {
    const { outgoing } = this.#options;
    outgoing.writeHead(status, { ...this.#options.headers(), ...headers });
    outgoing.flushHeaders();
  }

  #write(chunks: readonly Buffer[]): boolean {
    const { outgoing, clock, clientStallTimeoutMs } = this.#options;
    if (outgoing.destroyed) return true;
    this.#wroteAt = clock.monotonic();
    if (chunks.length > 1) outgoing.cork();
    let flows = true;
    for (const chunk of chunks) flows = outgoing.write(chunk);
    if (chunks.length > 1) outgoing.uncork();
    if (!flows) this.#stall ??= new Deadline(clock, clientStallTimeoutMs, () => this.#cutStalled());
    return flows;
  }

  #onDrain(): void {
    this.#stall?.[Symbol.dispose]();
    this.#stall = undefined;
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  #endStream(error: AppError): void {
    const { outgoing, dialect } = this.#options;
    this.#quiet();
    if (!outgoing.destroyed && !outgoing.writableEnded) outgoing.end(dialect.errorEnd(error));
  }

  #cutStalled(): void {
    this.#leave('client_stalled');
    this.#options.outgoing.destroy();
  }

  #leave(reason: GoneReason): void {
    this.#quiet();
    if (!this.#gone.signal.aborted) this.#gone.abort(reason);
  }

  #quiet(): void {
    this.#pulse.abort('quiet');
    this.#stall?.[Symbol.dispose]();
    this.#stall = undefined;
  }

  /** Rejects when the reply ends. */
  async #beat(): Promise<void> {
    const { clock, outgoing, dialect, heartbeatAfterMs, heartbeatMs } = this.#options;
    let waitMs = heartbeatAfterMs;
    for (;;) {
      await clock.sleep(waitMs, this.#pulse.signal);
      const silentMs = clock.monotonic() - this.#wroteAt;
      const due = this.begun ? heartbeatMs : heartbeatAfterMs;
      waitMs = silentMs >= due ? heartbeatMs : due - silentMs;
      if (silentMs < due || outgoing.writableNeedDrain) continue;
      this.writeEvents([dialect.heartbeat]);
    }
  }
}

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return false;
  }
}

function wrap({ status, body }: HeldAnswer): AppError {
  const said = body.toString('utf8', 0, 300);
  return new AppError(status >= 500 ? 'upstream_error' : 'bad_request', {
    message: `The model server answered ${status}${said === '' ? '' : `: ${said}`}`,
  });
}

/** What an engine said in JSON, as an error of ours: three shapes exist, `{error: {message}}`, `{error}`, `{detail}`. */
function relayedError({ status, body }: HeldAnswer): AppError {
  const text = body.toString();
  const message = /"(?:message|detail|error)"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  const said = message === undefined ? text.slice(0, 300) : String(JSON.parse(message));
  return new AppError(status >= 500 ? 'upstream_error' : 'bad_request', { message: said });
}
