import type { Clock } from '#shared/runtime/clock.ts';
import { Deadline } from '#shared/runtime/deadline.ts';
import type { EngineAnswer } from '../dialects/dialect.ts';
import type { MoveReason, Slot } from '../pick/picker.ts';
import type { InferenceRequest } from '../request/inference-request.ts';
import { verdictOf, type AttemptOutcome, type LossReason } from './outcome.ts';
import type { UpstreamCall, UpstreamFailure, UpstreamHandler, UpstreamHead } from './upstream.ts';

/** Longest refusal of an engine that is relayed; what is longer is cut. */
const refusalBytesMax = 256 * 1024;
/** How long an engine may take for the body of a refusal: its status has said what matters. */
const refusalTimeoutMs = 2000;
/** How long an engine may take to end its body after its last event. */
const endTimeoutMs = 1000;

/** Times of one attempt, milliseconds. */
export interface AttemptTimes {
  readonly firstTokenTimeoutMs: number;
  readonly tokenIdleTimeoutMs: number;
  readonly answerTimeoutMs: number;
}

/** How a replica was lost while it answered. */
export interface Lost {
  readonly reason: LossReason;
  readonly detail: string;
  readonly again: boolean;
}

/** What reads the bytes of a good answer and decides what goes out. */
export interface AnswerTaker {
  /** Longest wait for the answer to begin. */
  readonly timeoutMs: number;
  /** The client has seen something of it: no other replica can answer any more. */
  readonly begun: boolean;
  /** Whether it is an answer of this kind at all. */
  takes(head: UpstreamHead): boolean;
  onData(chunk: Buffer): void;
  onEnd(): void;
  onLost(lost: Lost): void;
}

/** One attempt of a request on a replica: follows the call to its end, or to the client's. */
export class Attempt implements UpstreamHandler {
  readonly request: InferenceRequest;
  readonly outcome: Promise<AttemptOutcome>;
  /** Nothing more is taken of the answer. */
  over = false;
  readonly #slot: Slot;
  readonly #clock: Clock;
  readonly #settle: (outcome: AttemptOutcome) => void;
  #taker: AnswerTaker | undefined;
  #call: UpstreamCall | undefined;
  #deadline: Deadline | undefined;
  #head: UpstreamHead | undefined;
  /** The body of an answer that the taker does not take. */
  #refusal: Buffer[] | undefined;
  #refusalBytes = 0;

  constructor(request: InferenceRequest, slot: Slot, clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<AttemptOutcome>();
    this.request = request;
    this.outcome = promise;
    this.#slot = slot;
    this.#clock = clock;
    this.#settle = resolve;
  }

  get head(): UpstreamHead | undefined {
    return this.#head;
  }

  /** Follows a call; it is aborted when the client leaves, when time is over or when the answer makes no sense. */
  follow(call: UpstreamCall, taker: AnswerTaker): void {
    const { gone } = this.request.reply;
    this.#call = call;
    this.#taker = taker;
    this.watch(taker.timeoutMs);
    if (gone.aborted) return this.#leave();
    gone.addEventListener('abort', () => this.#leave(), { once: true });
    this.#slot.onMove((reason) => this.#onMove(reason));
  }

  onSent(): void {
    if (!this.over) this.request.sent();
  }

  onHead(head: UpstreamHead): void {
    this.#head = head;
    this.#slot.heard();
    if (this.over || this.#taker?.takes(head) === true) return;
    this.#refusal = [];
    this.rest();
    this.#deadline = new Deadline(this.#clock, refusalTimeoutMs, () => this.#refused());
  }

  onData(chunk: Buffer): void {
    if (this.over) return;
    this.#slot.heard();
    if (this.#refusal === undefined) return this.#taker?.onData(chunk);
    if (this.#refusalBytes < refusalBytesMax)
      this.#refusal.push(chunk.subarray(0, refusalBytesMax - this.#refusalBytes));
    this.#refusalBytes += chunk.length;
  }

  onEnd(): void {
    if (this.over) return this.#deadline?.[Symbol.dispose]();
    if (this.#refusal === undefined) this.#taker?.onEnd();
    else this.#refused();
  }

  onFailure({ kind, reason, reusedSocket }: UpstreamFailure): void {
    if (this.over) return this.#deadline?.[Symbol.dispose]();
    // Who refuses before it has read the body resets the connection, and the end of its words may be lost.
    if (this.#refusal !== undefined && (this.#head?.status ?? 0) >= 400) return this.#refused();
    const again = kind === 'reset' && reusedSocket && this.#head === undefined;
    this.#taker?.onLost({ reason: kind, detail: reason, again });
  }

  /** The engine works on it: something came that is no refusal, or the whole answer. */
  accepted(): void {
    this.#slot.accepted();
  }

  /** The first content is there. */
  began(): void {
    this.#slot.began();
  }

  /** The client gets it: no other replica will answer any more. Who asks for it later finds it here. */
  commit(head: Buffer): void {
    const key = this.request.keyOfAnswer(head);
    if (key !== undefined) this.#slot.kept(key);
    this.request.committed();
  }

  /** The time for what comes next; `touch` begins it anew. */
  watch(ms: number): void {
    this.rest();
    this.#deadline = new Deadline(this.#clock, ms, () =>
      this.#taker?.onLost({ reason: 'timeout', detail: `nothing came for ${ms} ms`, again: false }),
    );
  }

  touch(): void {
    this.#deadline?.touch();
  }

  /** No time runs, since the client is waited for. */
  rest(): void {
    this.#deadline?.[Symbol.dispose]();
  }

  /** Holds the engine back until the client has taken what was written, then allows `ms` for the next bytes. */
  holdBack(ms: number): void {
    this.#call?.pause();
    this.rest();
    this.request.reply.onDrain(() => {
      this.request.answerTaken();
      if (this.over) return;
      this.watch(ms);
      this.#call?.resume();
    });
  }

  /** The client has it all; the engine may end its body, so that the connection serves again. */
  finishWell(outcome: AttemptOutcome): void {
    const call = this.#call;
    this.#close(outcome);
    this.#deadline = new Deadline(this.#clock, endTimeoutMs, () => call?.abort());
  }

  finish(outcome: AttemptOutcome): void {
    if (this.over) return;
    this.#close(outcome);
    this.#call?.abort();
  }

  /** True when a success tells an error: it means what the status would that it should have had. */
  finishTold({ status, body }: EngineAnswer): boolean {
    const { errors } = this.request.dialect;
    if (status >= 300 || !errors.tells(body)) return false;
    this.finish(verdictOf(errors.answerOf(body), 'error_frame'));
    return true;
  }

  /** With as much of its body as came. */
  #refused(): void {
    const answer = answerOf(this.#head, Buffer.concat(this.#refusal ?? []));
    if (!this.finishTold(answer)) this.finish(verdictOf(answer, 'status'));
  }

  #leave(): void {
    this.finish({ kind: 'cancelled', end: { kind: 'left' } });
  }

  /** Whoever has nothing yet goes elsewhere; a silent stream whose process refuses connections will not go on. */
  #onMove(why: MoveReason): void {
    if (this.over || (this.#taker?.begun === true && why !== 'refused')) return;
    // Late is better than never.
    if (why === 'late' && !this.request.repeatable) return;
    const reason = why === 'late' ? 'late' : 'stalled';
    this.#taker?.onLost({ reason, detail: `the replica is ${why}`, again: false });
  }

  #close(outcome: AttemptOutcome): void {
    this.over = true;
    this.rest();
    this.#settle(outcome);
  }
}

/** A whole answer with what of its head a client gets. */
export function answerOf(head: UpstreamHead | undefined, body: Buffer): EngineAnswer {
  const { status = 200, headers = {} } = head ?? {};
  const text = (name: string): string | undefined => (typeof headers[name] === 'string' ? headers[name] : undefined);
  const contentEncoding = text('content-encoding');
  const retryAfterMs = retryAfterOf(text('retry-after'), text('retry-after-ms'));
  return {
    status,
    contentType: text('content-type'),
    body,
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Seconds or a date (RFC 9110 §10.2.3), or milliseconds as some engines say it. */
function retryAfterOf(text: string | undefined, ms: string | undefined): number | undefined {
  if (ms !== undefined && Number(ms) >= 0) return Number(ms);
  if (text === undefined) return undefined;
  const afterMs = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(afterMs) ? Math.max(0, afterMs) : undefined;
}
