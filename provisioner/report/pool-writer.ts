import type { PoolDocument } from '#shared/contract/replica.ts';
import { releaseTtlMs, subjects } from '#shared/contract/subjects.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { store } from './status-writer.ts';

/** Writes what routers see of a pool. @throws MovedOnError, NotStoredError. */
export async function writePool(nats: Nats, document: PoolDocument, expectedSeq: number): Promise<void> {
  const { vpcId, endpointId, pool } = document;
  await store(nats, { subject: subjects.pool(vpcId, endpointId, pool), body: document, expectedSeq });
}

/** Takes a pool from the routers; the marker itself leaves the bucket after a while. @throws MovedOnError, NotStoredError. */
export async function removePool(
  nats: Nats,
  place: { vpcId: string; endpointId: string; pool: string },
  expectedSeq: number,
): Promise<void> {
  const subject = subjects.pool(place.vpcId, place.endpointId, place.pool);
  await store(nats, { subject, body: null, expectedSeq, deleteMarker: true, ttlMs: releaseTtlMs });
}
