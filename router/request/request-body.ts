import type { IncomingMessage } from 'node:http';
import { AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { Deadline } from '#shared/runtime/deadline.ts';
import type { BodyBudget } from './body-budget.ts';

/** Bounds of one body. */
export interface BodyLimits {
  readonly bytesMax: number;
  readonly timeoutMs: number;
  readonly budget: BodyBudget;
  readonly clock: Clock;
}

/** A request body in the pieces it came in; its bytes are booked until it is released. */
export class RequestBody implements Disposable {
  readonly #budget: BodyBudget;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False when the process has no room for the piece. */
  add(piece: Buffer): boolean {
    if (!this.#budget.take(piece.length)) return false;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    return true;
  }

  /** Forgets the pieces: no attempt needs them any more. Safe to call twice. */
  [Symbol.dispose](): void {
    this.#budget.give(this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
  }
}

/** Thrown when the client leaves before its body is whole. */
export class BodyAbortedError extends Error {
  override name = 'BodyAbortedError';
}

/**
 * Reads a body piece by piece into `body` and shows each piece to `see`. Node's stream is left flowing after an error, so that
 * the answer can be read: whoever answers bounds that with `discardRest`.
 * @throws AppError `body_too_large`, `overloaded`, `timeout`; BodyAbortedError when the client leaves; what `see` throws.
 */
export function readBody(
  incoming: IncomingMessage,
  limits: BodyLimits,
  into: { body: RequestBody; see: (piece: Buffer) => void },
): Promise<void> {
  const announced = Number(incoming.headers['content-length'] ?? 0);
  if (announced > limits.bytesMax) return Promise.reject(tooLarge(limits.bytesMax));
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown): void => {
      deadline[Symbol.dispose]();
      incoming.off('data', onData).off('end', onEnd).off('close', onClose);
      if (error === undefined) return resolve();
      incoming.resume();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onData = (piece: Buffer): void => {
      if (into.body.bytes + piece.length > limits.bytesMax) return settle(tooLarge(limits.bytesMax));
      if (!into.body.add(piece)) return settle(noRoom());
      try {
        into.see(piece);
      } catch (error) {
        settle(error);
      }
    };
    const onEnd = (): void => settle();
    const onClose = (): void => settle(new BodyAbortedError('the client left before its body was whole'));
    const deadline = new Deadline(limits.clock, limits.timeoutMs, () =>
      settle(new AppError('timeout', { message: `The body was not sent within ${limits.timeoutMs} ms.` })),
    );
    incoming.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/** After an answer to a body that was not read: keeps reading and discarding for a while, then closes the connection. */
export function discardRest(incoming: IncomingMessage, clock: Clock, ms: number): void {
  if (incoming.complete || incoming.destroyed) return;
  incoming.on('error', () => {});
  incoming.resume();
  const deadline = new Deadline(clock, ms, () => incoming.destroy());
  incoming.once('close', () => deadline[Symbol.dispose]());
  incoming.once('end', () => deadline[Symbol.dispose]());
}

function tooLarge(bytesMax: number): AppError {
  return new AppError('body_too_large', { message: `The body is longer than ${bytesMax} bytes. Send a shorter one.` });
}

function noRoom(): AppError {
  return new AppError('overloaded', {
    message: 'Too many request bodies are being read right now.',
    retryAfterMs: 2000,
  });
}
