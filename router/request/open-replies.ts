import { AppError } from '#shared/contract/errors.ts';
import type { ClientReply } from './client-reply.ts';

/** Every answer under way, for the end of the process: what runs may end, the rest is told. */
export class OpenReplies {
  readonly #replies = new Set<ClientReply>();
  #leaving = false;
  #empty: (() => void) | undefined;

  get size(): number {
    return this.#replies.size;
  }

  /** The process is about to end: whoever can choose should choose another one. */
  get leaving(): boolean {
    return this.#leaving;
  }

  leave(): void {
    this.#leaving = true;
  }

  add(reply: ClientReply): void {
    this.#replies.add(reply);
  }

  delete(reply: ClientReply): void {
    this.#replies.delete(reply);
    if (this.#replies.size === 0) this.#empty?.();
  }

  /** Resolves when nothing runs. */
  ended(): Promise<void> {
    if (this.#replies.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#empty = resolve));
  }

  /** Ends what still runs, each with an error that its client can read. */
  endAll(): void {
    const error = new AppError('unavailable', { message: 'This router was restarted before the answer was complete.' });
    for (const reply of this.#replies) reply.stop(error);
  }
}
