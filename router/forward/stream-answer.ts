import { AppError } from '#shared/contract/errors.ts';
import type { AnswerReader, TakeEvent } from '../dialects/dialect.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import type { AnswerTaker, Attempt, AttemptTimes, Lost } from './attempt.ts';
import { answerAtEnd, lossEnd, replicaAtEnd, verdictOf, type LossReason, type StreamEnd } from './outcome.ts';
import type { UpstreamHead } from './upstream.ts';

/** Most events and bytes that are held before the commit point. */
const heldEventsMax = 256;
const heldBytesMax = 4 * 1024 * 1024;

/** Takes a stream: holds the head and role events, commits at the first content, then relays event by event. */
export class StreamAnswer implements AnswerTaker {
  readonly timeoutMs: number;
  readonly #attempt: Attempt;
  readonly #times: AttemptTimes;
  readonly #reader: AnswerReader;
  #begun = false;
  #out: Buffer[] = [];
  #outBytes = 0;

  constructor(attempt: Attempt, times: AttemptTimes) {
    const { dialect, scan } = attempt.request;
    this.timeoutMs = times.firstTokenTimeoutMs;
    this.#attempt = attempt;
    this.#times = times;
    this.#reader = dialect.reader(scan);
  }

  get begun(): boolean {
    return this.#begun;
  }

  takes({ status, headers }: UpstreamHead): boolean {
    const type = String(headers['content-type'] ?? '').toLowerCase();
    const isPlain = headers['content-encoding'] === undefined;
    return status === 200 && isPlain && type.startsWith(this.#attempt.request.dialect.streamType);
  }

  onData(chunk: Buffer): void {
    try {
      this.#reader.read(chunk, this.#take);
    } catch (error) {
      this.onLost({ reason: 'protocol', detail: String(error), again: false });
    }
    // Also after events that ended the attempt: what was held of a lost one must not go out.
    if (this.#begun && !this.#attempt.over) this.#flush();
  }

  onEnd(): void {
    this.#reader.end(this.#take);
    this.#end('clean', { reason: 'truncated', detail: 'the stream ended before its end mark', again: false });
  }

  onLost(lost: Lost): void {
    this.#reader.flush(this.#take);
    this.#end('lost', lost);
  }

  readonly #take: TakeEvent = (kind, bytes) => {
    if (this.#attempt.over) return;
    if (kind === 'error') return this.#onError(bytes ?? Buffer.alloc(0));
    if (kind === 'done') {
      if (bytes !== undefined) this.#put(bytes);
      return this.#end('mark', {
        reason: 'truncated',
        detail: 'the stream ended before its first token',
        again: false,
      });
    }
    this.#attempt.accepted();
    if (bytes !== undefined) this.#put(bytes);
    if (this.#begun) this.#attempt.touch();
    else if (kind === 'content' || this.#out.length > heldEventsMax || this.#outBytes > heldBytesMax) this.#open();
    if (kind === 'content') this.#attempt.request.record.token();
  };

  #put(event: Buffer): void {
    this.#out.push(event);
    this.#outBytes += event.length;
  }

  #open(): void {
    this.#begun = true;
    this.#attempt.began();
    this.#attempt.commit(this.#out[0] ?? Buffer.alloc(0));
    const { reply, dialect } = this.#attempt.request;
    reply.streamEnd = (body) => this.#reader.streamEnd?.(body) ?? dialect.errors.streamEnd(body);
    this.#attempt.watch(this.#times.tokenIdleTimeoutMs);
  }

  #flush(): void {
    const out = this.#out;
    if (out.length === 0) return;
    this.#out = [];
    this.#outBytes = 0;
    const flows = this.#attempt.request.reply.writeEvents(out);
    if (!flows) this.#attempt.holdBack(this.#times.tokenIdleTimeoutMs);
  }

  /** The engine's own error event: before any content what an HTTP status says; after it the end. */
  #onError(event: Buffer): void {
    const { dialect, reply } = this.#attempt.request;
    const answer = dialect.errors.answerOf(event);
    const verdict = verdictOf(answer, 'error_frame');
    if (!this.#begun) return this.#attempt.finish(verdict);
    this.#flush();
    const message = 'The model server failed while it answered.';
    if (verdict.kind === 'answered') reply.sendAnswer(answer);
    else reply.sendError(new AppError('upstream_disconnected', { message }), answer.body);
    // Not its words: they may quote the prompt.
    this.#break('error_frame', `the model server told an error (${answer.status})`, verdict.end);
  }

  /** Also without a mark the answer may be whole, and the replica well. */
  #end(how: StreamEnd, lost: Lost): void {
    if (this.#attempt.over) return;
    if (!this.#begun) return this.#lose(lost);
    const answer = answerAtEnd[how][this.#reader.finished ? 'finished' : 'open'];
    const end = replicaAtEnd(how, answer, lost.reason);
    const { dialect, reply } = this.#attempt.request;
    if (answer === 'whole') {
      if (how !== 'mark') this.#put(dialect.endMark);
      return this.#endWell(end);
    }
    this.#flush();
    reply.sendError(new AppError('upstream_disconnected'));
    this.#break(lost.reason, lost.detail, end);
  }

  #endWell(end: SlotEnd): void {
    const { usage } = this.#reader;
    this.#attempt.request.reply.endEvents(this.#out);
    this.#attempt.finishWell({ kind: 'done', usage, end: end.kind === 'answered' ? { kind: 'answered', usage } : end });
  }

  #break(reason: LossReason, detail: string, end: SlotEnd): void {
    this.#attempt.finish({ kind: 'broken', reason, detail, usage: this.#reader.usage, end });
  }

  #lose(lost: Lost): void {
    this.#attempt.finish({ kind: 'lost', ...lost, end: lossEnd(lost.reason) });
  }
}
