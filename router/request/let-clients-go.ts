import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { endsWithin } from '#shared/runtime/within.ts';
import { lastBytesMs, type Listeners } from './listeners.ts';
import type { OpenReplies } from './open-replies.ts';

/**
 * The end of a router for its clients: it is not ready from now on and serves on until everybody who sends clients here can
 * have seen it; then it takes nothing new, lets streams end, and tells the rest.
 */
export async function letClientsGo(
  server: Listeners,
  { propagationMs, drainTimeoutMs }: { propagationMs: number; drainTimeoutMs: number },
  { replies, clock, log }: { replies: OpenReplies; clock: Clock; log: Logger },
): Promise<void> {
  replies.leave();
  server.sendAway();
  log.info({ streams: replies.size, propagationMs }, 'router.leaving');
  await clock.sleep(propagationMs);
  await server.stopListening();
  const ended = replies.ended();
  if (replies.size > 0) log.info({ streams: replies.size }, 'router.draining');
  if (await endsWithin(ended, drainTimeoutMs, { clock })) return;
  log.warn({ streams: replies.size }, 'router.streams_ended');
  replies.endAll();
  await endsWithin(ended, lastBytesMs, { clock });
}
