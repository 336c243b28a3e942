import { clusterDocumentSchema, type ClusterDocument } from '#shared/contract/infra.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';

/** Says in `infra` how a cluster stands, when that is news. What was once the greatest sequence stays it. */
export async function reportCluster(nats: Nats, found: Omit<ClusterDocument, 'v'>): Promise<void> {
  const subject = subjects.cluster(found.vpcId);
  const last = await readLast(nats, streams.infra.name, subject);
  const { data: before } = clusterDocumentSchema.safeParse(last?.body);
  const { state, reason } = found;
  const greatestIntentSeq = Math.max(found.greatestIntentSeq, before?.greatestIntentSeq ?? 0);
  if (before?.state === state && before.reason === reason && before.greatestIntentSeq === greatestIntentSeq) return;
  // After a conflict somebody else has told it; the next look tells what is still news.
  await writeDocuments(
    nats,
    [{ subject, body: { v: 1, ...found, greatestIntentSeq }, expectedSeq: last?.seq ?? 0 }],
    '',
  );
}
