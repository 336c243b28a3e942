import { releaseTtlMs, subjects } from '#shared/contract/subjects.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { writeDocuments } from '#shared/runtime/nats/nats-publish.ts';

/** Thrown when somebody else wrote first: everything is observed anew, nothing is sent again. */
export class MovedOnError extends Error {
  override name = 'MovedOnError';
}

/** Thrown when NATS did not say whether it stored a document, or has no room for it. */
export class NotStoredError extends Error {
  override name = 'NotStoredError';
}

/** The status of an endpoint; `gone` leaves the stream by itself after readers have seen it. */
export async function writeStatus(nats: Nats, document: StatusDocument, expectedSeq: number): Promise<void> {
  const ttl = document.state === 'gone' ? { ttlMs: releaseTtlMs } : {};
  await store(nats, { subject: subjects.status(document.endpointId), body: document, expectedSeq, ...ttl });
}

/** Stores one message or throws; shared by every document that the provisioner owns. @throws MovedOnError, NotStoredError. */
export async function store(nats: Nats, write: Parameters<typeof writeDocuments>[1][number]): Promise<number> {
  const outcome = await writeDocuments(nats, [write], '');
  if (outcome.kind === 'stored') return outcome.seqs[0] ?? 0;
  if (outcome.kind === 'conflict') throw new MovedOnError(`${write.subject} was written by somebody else meanwhile`);
  throw new NotStoredError(`${write.subject} was not stored: ${outcome.reason}`);
}
