import { AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Dialect, FrameFacts, Usage } from '../dialects/dialect.ts';
import type { AttemptMarks, AttemptOutcome, AttemptTimeouts, LossReason } from './attempt.ts';
import { AnswerCollector } from './engine-error.ts';
import type { ClientReply } from './client-reply.ts';
import { Deadline } from '#shared/runtime/deadline.ts';
import { SseFrames } from './sse-frames.ts';
import type { UpstreamCall, UpstreamFailure, UpstreamHandler, UpstreamHead } from './upstream.ts';

/** What an attempt works with. */
export interface AttemptContext {
  readonly reply: ClientReply;
  readonly dialect: Dialect;
  readonly clock: Clock;
  readonly timeouts: AttemptTimeouts;
  readonly marks: AttemptMarks;
  /** The usage event was the router's own wish: the client does not see it. */
  readonly hideUsage: boolean;
}

/** Longest event of a stream; token ids and log probabilities of long prompts fit. */
const frameBytesMax = 8 * 1024 * 1024;
/** Most events and bytes that are held before the commit point. */
const heldFramesMax = 256;
const heldBytesMax = 4 * 1024 * 1024;
/** How long an engine may take to end its body after `[DONE]`. */
const endTimeoutMs = 1000;

/** One attempt at a stream: holds the head and role events, commits at the first content, then relays event by event. */
export class StreamAttempt implements UpstreamHandler {
  readonly outcome: Promise<AttemptOutcome>;
  readonly #context: AttemptContext;
  readonly #frames = new SseFrames(frameBytesMax);
  readonly #settle: (outcome: AttemptOutcome) => void;
  #call: UpstreamCall | undefined;
  #deadline: Deadline | undefined;
  #collector: AnswerCollector | undefined;
  #state: 'holding' | 'open' | 'over' = 'holding';
  #out: Buffer[] = [];
  #outBytes = 0;
  #finished = false;
  #usage: Usage | undefined;

  constructor(context: AttemptContext) {
    this.#context = context;
    const { promise, resolve } = Promise.withResolvers<AttemptOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
  }

  /** Follows a call; it is aborted when the client leaves, when time is over or when the answer makes no sense. */
  follow(call: UpstreamCall): void {
    this.#call = call;
    const { clock, timeouts, reply } = this.#context;
    const { firstTokenTimeoutMs } = timeouts;
    this.#deadline = new Deadline(clock, firstTokenTimeoutMs, () =>
      this.#lose('timeout', `no token within ${firstTokenTimeoutMs} ms`),
    );
    const leave = (): void => this.#finish({ kind: 'cancelled' });
    if (reply.gone.aborted) leave();
    else reply.gone.addEventListener('abort', leave, { once: true });
  }

  onHead(head: UpstreamHead): void {
    const type = String(head.headers['content-type'] ?? '');
    if (head.status === 200 && type.startsWith('text/event-stream')) return;
    this.#collector = new AnswerCollector(head);
  }

  onData(chunk: Buffer): void {
    if (this.#state === 'over') return;
    if (this.#collector !== undefined) return this.#collector.add(chunk);
    try {
      this.#frames.push(chunk, (frame) => this.#onFrame(frame));
    } catch (error) {
      return this.#fail('protocol', String(error));
    }
    this.#flushOpen();
  }

  onEnd(): void {
    if (this.#state === 'over') return this.#deadline?.[Symbol.dispose]();
    if (this.#collector !== undefined) return this.#finish(this.#collector.outcome());
    this.#fail('truncated', 'the stream ended without [DONE]');
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.#state === 'over') return this.#deadline?.[Symbol.dispose]();
    this.#fail(failure.kind, failure.reason, failure.reusedSocket);
  }

  #onFrame(frame: Buffer): void {
    if (this.#state === 'over') return;
    const facts = this.#context.dialect.readFrame(frame, this.#state === 'open');
    if (facts.kind === 'comment') return;
    this.#usage = facts.usage ?? this.#usage;
    this.#finished ||= facts.finished;
    if (facts.kind === 'error') return this.#onError(frame);
    if (facts.kind === 'done') return this.#onDone(frame);
    if (!(facts.kind === 'usage' && this.#context.hideUsage)) this.#put(frame);
    if (this.#state === 'open') return this.#progress(facts);
    if (facts.kind === 'content' || this.#out.length > heldFramesMax || this.#outBytes > heldBytesMax) this.#commit();
  }

  #put(frame: Buffer): void {
    this.#out.push(frame);
    this.#outBytes += frame.length;
  }

  #progress(facts: FrameFacts): void {
    this.#deadline?.touch();
    if (facts.kind === 'content') this.#context.marks.token();
  }

  #commit(): void {
    this.#state = 'open';
    this.#context.marks.committed();
    this.#context.marks.token();
    this.#watchIdle();
  }

  #watchIdle(): void {
    const { clock, timeouts } = this.#context;
    const { tokenIdleTimeoutMs } = timeouts;
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = new Deadline(clock, tokenIdleTimeoutMs, () =>
      this.#fail('timeout', `no token for ${tokenIdleTimeoutMs} ms`),
    );
  }

  /** Also after frames that ended the attempt: what was held of a lost one must not go out. */
  #flushOpen(): void {
    if (this.#state === 'open') this.#flush();
  }

  #flush(): void {
    const out = this.#out;
    if (out.length === 0) return;
    this.#out = [];
    this.#outBytes = 0;
    const flows = this.#context.reply.writeEvents(out);
    if (flows || this.#state !== 'open') return;
    this.#call?.pause();
    this.#deadline?.[Symbol.dispose]();
    this.#context.reply.onDrain(() => {
      if (this.#state !== 'open') return;
      this.#watchIdle();
      this.#call?.resume();
    });
  }

  /** The engine's own error event: before any content a lost attempt or the engine's refusal, after it the end. */
  #onError(frame: Buffer): void {
    const answer = AnswerCollector.ofErrorFrame(frame);
    const said = `the model server failed: ${answer.message}`;
    if (this.#state === 'open') return this.#fail('error_frame', said);
    if (answer.status < 500) return this.#finish({ kind: 'answered', answer });
    this.#finish({ kind: 'lost', reason: 'error_frame', detail: said, reusedSocket: false, answer });
  }

  #onDone(frame: Buffer): void {
    if (this.#state !== 'open') return this.#fail('truncated', 'the stream ended before its first token');
    if (!this.#finished) return this.#fail('truncated', 'the stream ended without a finish reason');
    this.#put(frame);
    this.#flush();
    this.#context.reply.end();
    const call = this.#call;
    this.#close({ kind: 'done', usage: this.#usage });
    this.#deadline = new Deadline(this.#context.clock, endTimeoutMs, () => call?.abort());
  }

  /** The attempt failed: without a trace before the commit point, with an explicit end after it. */
  #fail(reason: LossReason, detail: string, reusedSocket = false): void {
    if (this.#state !== 'open') return this.#lose(reason, detail, reusedSocket);
    this.#flush();
    const message = `The answer broke off: ${detail}.`;
    this.#context.reply.sendError(new AppError('upstream_disconnected', { message }));
    this.#finish({ kind: 'broken', reason, detail, usage: this.#usage });
  }

  #lose(reason: LossReason, detail: string, reusedSocket = false): void {
    this.#finish({ kind: 'lost', reason, detail, reusedSocket });
  }

  #finish(outcome: AttemptOutcome): void {
    if (this.#state === 'over') return;
    this.#close(outcome);
    this.#call?.abort();
  }

  #close(outcome: AttemptOutcome): void {
    this.#state = 'over';
    this.#deadline?.[Symbol.dispose]();
    this.#settle(outcome);
  }
}
