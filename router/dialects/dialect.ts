import type { AppError } from '#shared/contract/errors.ts';
import type { SpanRules } from '../scan/span-rules.ts';

/** Tokens of one answer, as the engine counted them. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens that came out of the engine's cache; undefined when it does not say. */
  readonly cachedTokens: number | undefined;
}

/** What one server-sent event is to the router. */
export interface FrameFacts {
  /**
   * `comment`: no progress · `opening`: a head or role without content · `content`: text, a tool call, reasoning, the end
   * of a choice or anything that is not understood · `usage`: token counts and no choice · `error`: the engine gave up ·
   * `done`: the stream's last event.
   */
  readonly kind: 'comment' | 'opening' | 'content' | 'usage' | 'error' | 'done';
  /** A choice came to its end. */
  readonly finished: boolean;
  readonly usage: Usage | undefined;
}

/** How one route of the data plane is read and answered; a new API dialect is one more of these. */
export interface Dialect {
  readonly name: string;
  readonly path: string;
  /** Which members of the body make the prompt. */
  readonly spans: SpanRules;
  /** Reads one event, blank line included. Until `opened` it is parsed; after that as little as can be. */
  readFrame(frame: Buffer, opened: boolean): FrameFacts;
  /** Usage of a whole answer that was not streamed. */
  readUsage(body: Buffer): Usage | undefined;
  /** What a client gets when its stream cannot go on; the stream ends with it. */
  errorEnd(error: AppError): Buffer;
  /** What passes every hop and means nothing. */
  readonly heartbeat: Buffer;
}
