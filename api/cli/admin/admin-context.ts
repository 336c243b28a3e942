import type { Region } from '#shared/contract/ids.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';

/** What an operator's command works with. */
export interface AdminContext {
  nats: Nats;
  region: Region;
  clock: Clock;
  /** Random texts for stamps. */
  newId: () => string;
}

/** The instant as documents carry it. */
export function isoNow({ clock }: AdminContext): string {
  return new Date(clock.now()).toISOString();
}

/**
 * Changes one document: `change` makes the new body from the present one (undefined where there is none), or answers
 * undefined where nothing is to be changed. @throws ConfigError when somebody else changed it at the same time.
 */
export async function changeDocument(
  { nats }: AdminContext,
  place: { stream: string; subject: string; ttlMs?: number },
  change: (present: unknown) => object | undefined,
): Promise<void> {
  const last = await readLast(nats, place.stream, place.subject);
  const body = change(last === null || last.deleted ? undefined : last.body);
  if (body === undefined) return;
  const { subject, ttlMs } = place;
  const write = { subject, body, expectedSeq: last?.seq ?? 0, ...(ttlMs !== undefined && { ttlMs }) };
  const outcome = await writeDocuments(nats, [write], '');
  if (outcome.kind !== 'stored')
    throw new ConfigError(`${subject} could not be stored (${outcome.reason}). Run the command again.`);
}
