import { randomUUID } from 'node:crypto';
import { stampFor } from '#shared/contract/stream-stamp.ts';
import { makeStreams } from '#shared/runtime/nats/make-streams.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import type { StreamDefinition } from '#shared/runtime/nats/nats-streams.ts';

/** Makes streams as the operator's step does, on one server. */
export async function makeTestStreams(
  nats: Nats,
  definitions: readonly StreamDefinition[],
  region = 'atl1',
): Promise<void> {
  await makeStreams(nats, definitions, { stamp: stampFor(region, randomUUID), replicas: 1 });
}
