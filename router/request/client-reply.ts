import { toAppError, type AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { Deadline } from '#shared/runtime/deadline.ts';
import type { Dialect, EngineAnswer, ToldError } from '../dialects/dialect.ts';
import { chunkOf, lengthOf } from './chunked-body.ts';

/** The part of Node's ServerResponse that an answer is written through. */
export interface Outgoing {
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  readonly writableNeedDrain: boolean;
  /** Bytes that have not left yet. */
  readonly writableLength: number;
  readonly destroyed: boolean;
  /** Its body goes out in chunks, as it has said in its head; set to false, whoever writes frames them. */
  chunkedEncoding: boolean;
  writeHead(status: number, headers: Record<string, string>): unknown;
  /** False asks to wait for `drain`. */
  write(chunk: Buffer): boolean;
  end(): unknown;
  cork(): void;
  uncork(): void;
  destroy(): unknown;
  on(event: 'drain' | 'finish' | 'close' | 'error', listener: () => void): unknown;
}

/** Times of an answer, milliseconds. */
export interface ReplyTimes {
  /** Silence after which a stream gets its head, and between two heartbeats. */
  readonly heartbeatAfterMs: number;
  readonly heartbeatMs: number;
  /** How long a client may take nothing of what is written. */
  readonly clientStallTimeoutMs: number;
}

/** What a reply works with. */
export interface ClientReplyOptions {
  readonly outgoing: Outgoing;
  readonly dialect: Dialect;
  readonly requestId: string;
  readonly clock: Clock;
  readonly times: ReplyTimes;
  /** Headers of every answer; asked for when the head is written. */
  readonly headers: () => Record<string, string>;
}

/** Why a reply has nobody to go to any more. */
export type GoneReason = 'client_gone' | 'client_stalled' | 'router_stopping';

/**
 * Whole answers go out in slices of so many bytes, and no more of them wait than a stream is allowed: progress is seen by the
 * slice, so that a slow client (half a kilobyte a second at the default time) is told from one that takes nothing.
 */
const sliceBytes = 16 * 1024;

/**
 * The one writer of an answer. A stream that stays silent gets its head and comments, so that no hop on the way gives
 * up; whatever goes wrong after that reaches the client as an error event, before that as a plain status. Whatever its
 * kind, an answer that the client does not take is cut.
 */
export class ClientReply implements Disposable {
  /** The last bytes of a stream that fails; whoever reads the answer may know better ones. */
  streamEnd: (body: Buffer) => Buffer;
  readonly #options: ClientReplyOptions;
  readonly #gone = new AbortController();
  readonly #flushed = Promise.withResolvers<void>();
  #wroteAt: number;
  /** Stops the heartbeats. */
  #pulse: (() => void) | undefined;
  #written = 0;
  #stall: Deadline | undefined;
  #drained: (() => void) | undefined;
  #wasCut = false;
  #isStream = false;
  #isChunked = false;

  constructor(options: ClientReplyOptions) {
    this.#options = options;
    this.streamEnd = (body) => options.dialect.errors.streamEnd(body);
    this.#wroteAt = options.clock.monotonic();
    const { outgoing } = options;
    outgoing.on('drain', () => this.#onDrain());
    outgoing.on('finish', () => this.#onFlushed());
    outgoing.on('error', () => this.#leave('client_gone'));
    outgoing.on('close', () => this.#onClose());
    if (outgoing.destroyed) this.#onClose();
  }

  /** Aborts when the client has left or takes nothing any more; the reason is a `GoneReason`. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when the last byte has left, or the connection has ended. Never rejects. */
  get flushed(): Promise<void> {
    return this.#flushed.promise;
  }

  /** The head is out: from now on only the dialect can say that something failed. */
  get begun(): boolean {
    return this.#options.outgoing.headersSent;
  }

  /** From now on this is a stream: silence is broken by comments. */
  startHeartbeats(): void {
    this.#beatAfter(this.#options.times.heartbeatAfterMs);
  }

  /** Writes a stream's events, behind its head; false asks for a pause until `onDrain`. */
  writeEvents(events: readonly Buffer[]): boolean {
    this.#beginStream();
    return this.#write(events);
  }

  /** The same, and it ends with them. */
  endEvents(events: readonly Buffer[]): void {
    this.#beginStream();
    this.end(events);
  }

  /** Writes the head and first part of a whole answer that is too long to be held; like `writeEvents`. */
  writePart(answer: Omit<EngineAnswer, 'body'>, chunks: readonly Buffer[]): boolean {
    if (!this.begun) this.#begin(answer.status, labelOf(answer));
    return this.#write(chunks);
  }

  /** Called once when the client has taken what was written. */
  onDrain(drained: () => void): void {
    this.#drained = drained;
  }

  /** Ends the body, behind its last parts. */
  end(last: readonly Buffer[] = []): void {
    const { outgoing } = this.#options;
    this.#pulse?.();
    if (outgoing.writableEnded || outgoing.destroyed) return;
    this.#put(last, true);
    outgoing.end();
    if (outgoing.writableLength > 0) this.#watchStall();
  }

  /** Relays an engine's answer; a refusal in the shape of the client's API. */
  sendAnswer(answer: EngineAnswer): void {
    const { dialect, requestId } = this.#options;
    const { status } = answer;
    if (status < 400) return this.#whole(status, answer.body, labelOf(answer));
    this.#tell(dialect.errors.relayed(answer, requestId));
  }

  /**
   * Tells the client what went wrong, in whatever way is still possible: status, error event, or a broken body. What an
   * engine said about it goes with it.
   */
  sendError(thrown: unknown, original?: Buffer): void {
    const { outgoing, dialect, requestId } = this.#options;
    if (outgoing.writableEnded || outgoing.destroyed) return;
    this.#tell(dialect.errors.told(toAppError(thrown), { requestId, original }));
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

  #tell({ status, headers, body }: ToldError): void {
    if (!this.begun) return this.#whole(status, body, headers);
    if (this.#isStream) this.end([this.streamEnd(body)]);
    else this.cut();
  }

  #whole(status: number, body: Buffer, headers: Readonly<Record<string, string>>): void {
    this.#pulse?.();
    this.#begin(status, { ...headers, 'content-length': String(body.length) });
    this.#pour(body);
  }

  #pour(body: Buffer): void {
    for (let rest = body; ; rest = rest.subarray(sliceBytes)) {
      if (rest.length <= sliceBytes) return this.end([rest]);
      if (this.#write([rest.subarray(0, sliceBytes)])) continue;
      return this.onDrain(() => this.#pour(rest.subarray(sliceBytes)));
    }
  }

  #beginStream(): void {
    if (this.begun) return;
    this.#isStream = true;
    const type = `${this.#options.dialect.streamType}; charset=utf-8`;
    this.#begin(200, { 'content-type': type, 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  }

  /** The head; it leaves with the first part of the body. */
  #begin(status: number, headers: Record<string, string>): void {
    const { outgoing } = this.#options;
    outgoing.writeHead(status, { ...this.#options.headers(), ...headers });
    this.#isChunked = outgoing.chunkedEncoding;
    outgoing.chunkedEncoding = false;
  }

  #write(parts: readonly Buffer[]): boolean {
    const { outgoing, clock } = this.#options;
    if (outgoing.destroyed) return true;
    this.#wroteAt = clock.monotonic();
    this.#put(parts, false);
    // What a corked write says is not it: when the socket takes all at the uncorking, `drain` has come and gone by now.
    const flows = !outgoing.writableNeedDrain;
    if (!flows) this.#watchStall();
    return flows;
  }

  #put(parts: readonly Buffer[], isLast: boolean): void {
    const { outgoing } = this.#options;
    const framed = this.#isChunked ? chunkOf(parts, isLast) : parts;
    this.#written += lengthOf(framed);
    // Corked by hand they leave at once; by itself Node puts that off to the next tick.
    outgoing.cork();
    for (const part of framed) outgoing.write(part);
    outgoing.uncork();
  }

  /** Bytes that the client's side has taken. */
  #taken(): number {
    return this.#written - this.#options.outgoing.writableLength;
  }

  #onDrain(): void {
    this.#stall?.[Symbol.dispose]();
    this.#stall = undefined;
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  #onFlushed(): void {
    this.#quiet();
    this.#flushed.resolve();
  }

  #onClose(): void {
    if (!this.#options.outgoing.writableFinished && !this.#wasCut) this.#leave('client_gone');
    this.#onFlushed();
  }

  #watchStall(): void {
    const { outgoing, clock, times } = this.#options;
    if (this.#stall !== undefined) return;
    const taken = this.#taken();
    this.#stall = new Deadline(clock, times.clientStallTimeoutMs, () => {
      this.#stall = undefined;
      if (this.#taken() > taken) return this.#watchStall();
      this.#leave('client_stalled');
      outgoing.destroy();
    });
  }

  #leave(reason: GoneReason): void {
    this.#quiet();
    if (!this.#gone.signal.aborted) this.#gone.abort(reason);
  }

  #quiet(): void {
    this.#pulse?.();
    this.#stall?.[Symbol.dispose]();
    this.#stall = undefined;
  }

  #beatAfter(ms: number): void {
    this.#pulse = this.#options.clock.after(ms, () => this.#beat());
  }

  #beat(): void {
    const { clock, outgoing, dialect, times } = this.#options;
    if (outgoing.destroyed || outgoing.writableEnded) return;
    const silentMs = clock.monotonic() - this.#wroteAt;
    const due = this.begun ? times.heartbeatMs : times.heartbeatAfterMs;
    this.#beatAfter(silentMs >= due ? times.heartbeatMs : due - silentMs);
    if (silentMs >= due && !outgoing.writableNeedDrain) this.writeEvents([dialect.heartbeat]);
  }
}

function labelOf({ contentType, contentEncoding }: Omit<EngineAnswer, 'body'>): Record<string, string> {
  return {
    'content-type': contentType ?? 'application/json',
    ...(contentEncoding !== undefined && { 'content-encoding': contentEncoding }),
  };
}
