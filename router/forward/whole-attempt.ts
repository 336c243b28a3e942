import type { AttemptOutcome, HeldAnswer, LossReason } from './attempt.ts';
import { AnswerCollector } from './engine-error.ts';
import { Deadline } from '#shared/runtime/deadline.ts';
import type { AttemptContext } from './stream-attempt.ts';
import type { UpstreamCall, UpstreamFailure, UpstreamHandler, UpstreamHead } from './upstream.ts';

/** An answer up to this length is held until it is whole, so that a replica lost in its middle is still retried. */
const heldBytesMax = 1024 * 1024;
/** Where usage stands: at the end of the answer. */
const tailBytes = 16 * 1024;

/** One attempt at an answer that is not streamed. */
export class WholeAttempt implements UpstreamHandler {
  readonly outcome: Promise<AttemptOutcome>;
  readonly #context: AttemptContext;
  readonly #settle: (outcome: AttemptOutcome) => void;
  #call: UpstreamCall | undefined;
  #deadline: Deadline | undefined;
  #head: UpstreamHead | undefined;
  #collector: AnswerCollector | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #tail = Buffer.alloc(0);
  #state: 'holding' | 'relaying' | 'over' = 'holding';

  constructor(context: AttemptContext) {
    this.#context = context;
    const { promise, resolve } = Promise.withResolvers<AttemptOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
  }

  /** Follows a call until the answer is whole, time is over or the client leaves. */
  follow(call: UpstreamCall): void {
    this.#call = call;
    this.#watch(this.#context.timeouts.answerTimeoutMs);
    const { gone } = this.#context.reply;
    const leave = (): void => this.#finish({ kind: 'cancelled' });
    if (gone.aborted) leave();
    else gone.addEventListener('abort', leave, { once: true });
  }

  onHead(head: UpstreamHead): void {
    this.#head = head;
    if (head.status < 200 || head.status > 299) this.#collector = new AnswerCollector(head);
  }

  onData(chunk: Buffer): void {
    if (this.#state === 'over') return;
    if (this.#collector !== undefined) return this.#collector.add(chunk);
    this.#deadline?.touch();
    if (this.#bytes === 0) this.#context.marks.token();
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#state === 'relaying' || this.#bytes > heldBytesMax) this.#relay();
  }

  onEnd(): void {
    if (this.#state === 'over') return;
    if (this.#collector !== undefined) return this.#finish(this.#collector.outcome());
    if (this.#bytes === 0) return this.#fail('truncated', 'the answer was empty');
    if (this.#state === 'holding') return this.#sendHeld();
    this.#endRelay();
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.#state !== 'over') this.#fail(failure.kind, failure.reason, failure.reusedSocket);
  }

  #sendHeld(): void {
    const body = Buffer.concat(this.#chunks);
    const answer: HeldAnswer = { status: this.#head?.status ?? 200, contentType: this.#type(), body };
    this.#context.marks.committed();
    this.#context.reply.sendAnswer(answer);
    this.#finish({ kind: 'done', usage: this.#context.dialect.readUsage(body) });
  }

  #endRelay(): void {
    this.#context.reply.end();
    this.#finish({ kind: 'done', usage: this.#context.dialect.readUsage(this.#tail) });
  }

  #relay(): void {
    if (this.#state === 'holding') this.#context.marks.committed();
    this.#state = 'relaying';
    const chunks = this.#chunks;
    this.#chunks = [];
    for (const chunk of chunks) this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-tailBytes);
    const head = { status: this.#head?.status ?? 200, contentType: this.#type() };
    if (this.#context.reply.writePart(head, chunks)) return;
    this.#call?.pause();
    this.#deadline?.[Symbol.dispose]();
    this.#context.reply.onDrain(() => {
      if (this.#state !== 'relaying') return;
      this.#watch(this.#context.timeouts.tokenIdleTimeoutMs);
      this.#call?.resume();
    });
  }

  #watch(ms: number): void {
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = new Deadline(this.#context.clock, ms, () => this.#fail('timeout', `no answer within ${ms} ms`));
  }

  #type(): string | undefined {
    const type = this.#head?.headers['content-type'];
    return typeof type === 'string' ? type : undefined;
  }

  #fail(reason: LossReason, detail: string, reusedSocket = false): void {
    if (this.#state === 'holding') return this.#finish({ kind: 'lost', reason, detail, reusedSocket });
    this.#context.reply.cut();
    this.#finish({ kind: 'broken', reason, detail, usage: undefined });
  }

  #finish(outcome: AttemptOutcome): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#deadline?.[Symbol.dispose]();
    this.#settle(outcome);
    this.#call?.abort();
  }
}
