import type { Usage } from '../dialects/dialect.ts';

/** An engine's answer that was taken whole, to be relayed or passed over. */
export interface HeldAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

/** What made an attempt fail before the client saw anything of it. */
export type LossReason =
  | 'connect'
  | 'reset'
  | 'protocol'
  | 'timeout'
  | 'status'
  | 'unauthorized'
  | 'truncated'
  | 'error_frame';

/** A failed attempt that may be made again elsewhere. */
export interface Loss {
  readonly kind: 'lost';
  readonly reason: LossReason;
  readonly detail: string;
  readonly reusedSocket: boolean;
  /** What the engine said, if it said something: relayed when nobody else can answer. */
  readonly answer?: HeldAnswer;
}

/**
 * How an attempt ended: `done` the client has a whole answer · `answered` the engine refuses the request (4xx) ·
 * `lost` nothing went out · `broken` the answer ended in the middle, and the client was told · `cancelled` the client
 * left, or stalled.
 */
export type AttemptOutcome =
  | { readonly kind: 'done'; readonly usage: Usage | undefined }
  | { readonly kind: 'answered'; readonly answer: HeldAnswer }
  | Loss
  | {
      readonly kind: 'broken';
      readonly reason: LossReason;
      readonly detail: string;
      readonly usage: Usage | undefined;
    }
  | { readonly kind: 'cancelled' };

/** Times of one attempt, milliseconds. */
export interface AttemptTimeouts {
  readonly firstTokenTimeoutMs: number;
  readonly tokenIdleTimeoutMs: number;
  readonly answerTimeoutMs: number;
}

/** What an attempt reports while it runs. */
export interface AttemptMarks {
  /** The commit point: from here on the request belongs to this replica. */
  committed(): void;
  /** A frame with content went by. */
  token(): void;
}
