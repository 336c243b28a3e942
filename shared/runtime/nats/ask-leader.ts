import type { Clock } from '#shared/runtime/clock.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { isNatsTrouble, readLast, type StoredDocument } from '#shared/runtime/nats/nats-publish.ts';
import { retry } from '#shared/runtime/retry.ts';
import { OverdueError, within } from '#shared/runtime/within.ts';

/** What a leader is asked. */
export interface LeaderQuestion {
  nats: Nats;
  clock: Clock;
  stream: string;
  /** A wildcard gives the last message of all that match. */
  subject: string;
  /** Time for all attempts together, milliseconds. */
  budgetMs: number;
  signal?: AbortSignal;
}

/** A leader answers within a millisecond: after this time the question was lost with its connection. */
const attemptMs = 500;

/**
 * The last message of a subject from its leader, asked again while none answers: a restart of nats-server takes about a
 * second, and requests that were under way are lost without a word.
 * @throws when the budget is over or the signal aborts.
 */
export async function askLeader(question: LeaderQuestion): Promise<StoredDocument | null> {
  const { nats, clock, stream, subject, budgetMs, signal } = question;
  return retry(
    {
      clock,
      baseMs: 20,
      maxMs: 200,
      budgetMs,
      classify: (error) => ({ retry: error instanceof OverdueError || isNatsTrouble(error) }),
      ...(signal && { signal }),
    },
    () => within(readLast(nats, stream, subject), attemptMs, { clock }),
  );
}
