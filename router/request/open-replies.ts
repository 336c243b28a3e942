import { AppError } from '#shared/contract/errors.ts';
import type { ClientReply } from './client-reply.ts';

/** Every answer under way, for the end of the process: nothing new is taken, what runs may end, the rest is told. */
export class OpenReplies {
  readonly #replies = new Set<ClientReply>();
  #closing = false;
  #empty: (() => void) | undefined;

  get size(): number {
    return this.#replies.size;
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** @throws AppError `unavailable` once the process is about to end; another router takes the retry. */
  assertOpen(): void {
    if (!this.#closing) return;
    throw new AppError('unavailable', { message: 'This router is being restarted. Try again.', retryAfterMs: 1000 });
  }

  add(reply: ClientReply): void {
    this.#replies.add(reply);
  }

  delete(reply: ClientReply): void {
    this.#replies.delete(reply);
    if (this.#replies.size === 0) this.#empty?.();
  }

  /** From now on nothing new is taken. Resolves when nothing runs any more. */
  close(): Promise<void> {
    this.#closing = true;
    if (this.#replies.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#empty = resolve));
  }

  /** Ends what still runs, each with an error that its client can read. */
  endAll(): void {
    const error = new AppError('unavailable', { message: 'This router was restarted before the answer was complete.' });
    for (const reply of this.#replies) reply.stop(error);
  }
}
