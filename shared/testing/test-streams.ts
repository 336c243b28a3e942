import { randomUUID } from 'node:crypto';
import { readStamp, stampFor, stampMetadata } from '#shared/contract/stream-stamp.ts';
import { edgeStreams, streams } from '#shared/contract/subjects.ts';
import { makeMirror, makeStreams } from '#shared/runtime/nats/make-streams.ts';
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

/** Makes the streams of a region with one VPC, and those that the VPC's routers read, adopted at `adoptedAt`. */
export async function makeEdgeStreams(nats: Nats, vpcId: string, adoptedAt = 0): Promise<void> {
  await makeTestStreams(nats, [streams.desired, streams.edge]);
  const stamp = stampMetadata({ region: 'atl1', id: randomUUID(), adoptedAt });
  for (const mirror of [edgeStreams.access(vpcId), edgeStreams.pools(vpcId)])
    await makeMirror(nats, mirror, {
      stamp: (present) => (readStamp(present) === undefined ? stamp : {}),
      isStale: () => Promise.resolve(false),
      replicas: 1,
    });
}
