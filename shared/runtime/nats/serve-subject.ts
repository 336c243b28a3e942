import type { Msg } from '@nats-io/nats-core';
import { pause, type Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Nats } from './nats.ts';

/** Pause before a subscription that has ended is made anew, milliseconds. */
const againMs = 1000;

/** A subject that is listened on. Disposing hears what has arrived by then, and ends. */
export interface ServedSubject extends AsyncDisposable {
  /** False while the server does not let this process listen. */
  serving(): boolean;
}

/**
 * Listens on a subject for as long as it lives: a subscription ends when the server refuses it, or takes the right away; it
 * is asked for again, for ever. Processes of one `queue` share the messages.
 */
export function serveSubject(
  place: { nats: Nats; clock: Clock; log: Logger; subject: string; queue: string },
  take: (message: Msg) => void,
): ServedSubject {
  const { nats, clock, log, subject, queue } = place;
  const stop = new AbortController();
  const { signal } = stop;
  let serving = false;
  const listen = async (): Promise<void> => {
    while (!signal.aborted) {
      const subscription = nats.nc.subscribe(subject, {
        queue,
        callback: (error, message) => (error === null ? take(message) : subscription.unsubscribe()),
      });
      // A subscription that has just ended has nothing to drain.
      const drain = (): void => void (nats.up() ? subscription.drain().catch(() => {}) : subscription.unsubscribe());
      signal.addEventListener('abort', drain, { once: true });
      // The server hears commands in order: once it answers what came behind it, the subscription stands, or was refused.
      await Promise.race([subscription.closed, nats.nc.flush().catch(() => {})]);
      serving = !subscription.isClosed();
      const reason = await subscription.closed;
      signal.removeEventListener('abort', drain);
      serving = false;
      if (signal.aborted) return;
      log.error({ subject, reason: String(reason ?? 'closed') }, 'subject.unserved');
      await pause(clock, againMs, signal);
    }
  };
  const listening = listen();
  return {
    serving: () => serving,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await listening;
    },
  };
}
