import type { AttemptOutcome, HeldAnswer } from './attempt.ts';
import type { UpstreamHead } from './upstream.ts';

/** Longest error of an engine that is relayed; what is longer is cut, and wrapped. */
const errorBytesMax = 256 * 1024;
/** What engines call an error of the client's, where its code is no status. */
const badRequest = /invalid_request|bad_?request/i;

/** Takes an engine's answer that is no stream of events: an error, in one of the shapes that engines have. */
export class AnswerCollector {
  readonly #head: UpstreamHead;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(head: UpstreamHead) {
    this.#head = head;
  }

  add(chunk: Buffer): void {
    if (this.#bytes >= errorBytesMax) return;
    this.#chunks.push(chunk.subarray(0, errorBytesMax - this.#bytes));
    this.#bytes += chunk.length;
  }

  /** What the answer means: 401 is somebody else's engine, 429 and 5xx are another replica's chance, the rest is final. */
  outcome(): AttemptOutcome {
    const { status, headers } = this.#head;
    const type = headers['content-type'];
    const contentType = typeof type === 'string' ? type : undefined;
    const answer: HeldAnswer = { status, contentType, body: Buffer.concat(this.#chunks) };
    const lost = { kind: 'lost', reusedSocket: false, detail: `the model server answered ${status}` } as const;
    if (status === 401) return { ...lost, reason: 'unauthorized' };
    if (status === 429 || status >= 500) return { ...lost, reason: 'status', answer };
    if (status >= 400) return { kind: 'answered', answer };
    return { ...lost, reason: 'protocol', detail: `the model server answered ${status} without a stream` };
  }

  /** An error that came as an event of a stream; its code is the status it would have had. */
  static ofErrorFrame(frame: Buffer): HeldAnswer & { message: string } {
    const body = Buffer.from(/^data: ?(.*)$/m.exec(frame.toString())?.[1] ?? '{}');
    const { code, type, message } = readError(body);
    const status = typeof code === 'number' && code >= 400 && code <= 599 ? code : badRequest.test(type) ? 400 : 502;
    return { status, contentType: 'application/json', body, message };
  }
}

function readError(body: Buffer): { code: unknown; type: string; message: string } {
  try {
    const value: unknown = JSON.parse(body.toString());
    const error: unknown = value !== null && typeof value === 'object' && 'error' in value ? value.error : undefined;
    if (error === null || typeof error !== 'object')
      return { code: undefined, type: '', message: String(error).slice(0, 300) };
    const message = 'message' in error ? String(error.message) : '';
    const type = 'type' in error ? String(error.type) : '';
    return { code: 'code' in error ? error.code : undefined, type, message: message.slice(0, 300) };
  } catch {
    return { code: undefined, type: '', message: '' };
  }
}
