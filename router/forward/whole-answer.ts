import type { AnswerTaker, Attempt, AttemptTimes, Lost } from './attempt.ts';
import { answerOf } from './attempt.ts';
import { lossEnd } from './outcome.ts';
import type { UpstreamHead } from './upstream.ts';

/** An answer up to this length is held until it is whole, where there is room, so that a replica lost in its middle is still retried. */
const heldBytesMax = 1024 * 1024;
/** Where the id of an answer stands: at its begin. */
const headBytes = 16 * 1024;
/** Where usage stands: at the end of the answer. */
const tailBytes = 16 * 1024;

/** Takes an answer that is not streamed. It has one time to be whole in; one that is not held may pause in it, as streams may. */
export class WholeAnswer implements AnswerTaker {
  readonly timeoutMs: number;
  readonly #attempt: Attempt;
  readonly #times: AttemptTimes;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** What it ends with so far, once it is relayed. */
  #tail: Buffer = Buffer.alloc(0);
  #relaying = false;

  constructor(attempt: Attempt, times: AttemptTimes) {
    this.timeoutMs = times.answerTimeoutMs;
    this.#attempt = attempt;
    this.#times = times;
  }

  get begun(): boolean {
    return this.#relaying;
  }

  takes({ status }: UpstreamHead): boolean {
    return status >= 200 && status <= 299;
  }

  onData(chunk: Buffer): void {
    if (this.#relaying) this.#attempt.touch();
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#relaying || this.#bytes > heldBytesMax || !this.#attempt.request.holdAnswer(chunk.length)) this.#relay();
  }

  onEnd(): void {
    const { request } = this.#attempt;
    const body = this.#relaying ? this.#tail : Buffer.concat(this.#chunks);
    this.#chunks = [];
    if (this.#bytes === 0) return this.onLost({ reason: 'truncated', detail: 'the answer was empty', again: false });
    if (isCutShort(this.#attempt.head, body))
      return this.onLost({ reason: 'truncated', detail: 'the connection ended inside of the answer', again: false });
    const answer = answerOf(this.#attempt.head, body);
    if (!this.#relaying && this.#attempt.finishTold(answer)) return;
    const usage = request.dialect.usageOf(body);
    if (this.#relaying) {
      request.reply.end();
    } else {
      this.#attempt.accepted();
      this.#attempt.commit(body);
      request.reply.sendAnswer(answer);
    }
    this.#attempt.finish({ kind: 'done', usage, end: { kind: 'answered', usage } });
  }

  onLost(lost: Lost): void {
    const end = lossEnd(lost.reason);
    if (!this.#relaying) return this.#attempt.finish({ kind: 'lost', ...lost, end });
    this.#attempt.request.reply.cut();
    this.#attempt.finish({ kind: 'broken', ...lost, usage: undefined, end });
  }

  #relay(): void {
    const { request, head } = this.#attempt;
    if (!this.#relaying) {
      this.#attempt.accepted();
      this.#attempt.commit(Buffer.concat(this.#chunks, Math.min(this.#bytes, headBytes)));
      this.#attempt.watch(this.#times.tokenIdleTimeoutMs);
    }
    this.#relaying = true;
    const chunks = this.#chunks;
    this.#chunks = [];
    for (const chunk of chunks) this.#tail = tailOf(this.#tail, chunk);
    const flows = request.reply.writePart(answerOf(head, this.#tail), chunks);
    if (flows) request.answerTaken();
    else this.#attempt.holdBack(this.#times.tokenIdleTimeoutMs);
  }
}

/** The last bytes of both, in memory of their own: a part of a chunk, or of Node's pool, would hold all of it. */
function tailOf(tail: Buffer, chunk: Buffer): Buffer {
  const more = chunk.subarray(-tailBytes);
  const kept = tail.subarray(Math.max(0, tail.length + more.length - tailBytes));
  const both = Buffer.allocUnsafeSlow(kept.length + more.length);
  kept.copy(both);
  more.copy(both, kept.length);
  return both;
}

/**
 * Where only the end of the connection ends a body (RFC 9112 §6.3), an engine that dies looks like one that is done: JSON
 * ends with its last brace.
 */
function isCutShort(head: UpstreamHead | undefined, tail: Buffer): boolean {
  const headers = head?.headers ?? {};
  const isFramed = ['content-length', 'transfer-encoding', 'content-encoding'].some(
    (name) => headers[name] !== undefined,
  );
  if (isFramed || !String(headers['content-type']).includes('json')) return false;
  return !/[}\]]\s*$/.test(tail.toString('latin1', Math.max(0, tail.length - 64)));
}
