import { z } from 'zod';
import {
  quarantineDocumentSchema,
  wordDocumentSchema,
  type QuarantineDocument,
  type WordDocument,
} from '#shared/contract/infra.ts';
import { poolDocumentSchema, type PoolDocument } from '#shared/contract/replica.ts';
import { statusDocumentSchema, type StatusDocument } from '#shared/contract/status.ts';
import { lastToken, releaseTtlMs, streams, subjects } from '#shared/contract/subjects.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { readDesired, type DesiredEntry, type Sequenced } from './desired-map.ts';

/** Thrown when a stored document is not what this build can read: it is left alone. */
class UnreadableDocumentError extends Error {
  override name = 'UnreadableDocumentError';
}

/** The documents of one endpoint as their streams' leaders have them now. @throws when NATS does not answer. */
export interface EndpointDocuments {
  status(endpointId: string): Promise<Sequenced<StatusDocument>>;
  pools(vpcId: string, endpointId: string): Promise<Map<string, Sequenced<PoolDocument>>>;
  desired(endpointId: string): Promise<DesiredEntry>;
  /** What stands in `infra` about an endpoint that `DESIRED` does not know. */
  quarantine(vpcId: string, endpointId: string): Promise<Sequenced<QuarantineDocument>>;
  /** What an operator has said about it. */
  word(vpcId: string, endpointId: string): Promise<Sequenced<WordDocument>>;
}

/** Reads over NATS. */
export function createEndpointDocuments(nats: Nats): EndpointDocuments {
  const read = async <T>(stream: string, subject: string, schema: z.ZodType<T>): Promise<Sequenced<T>> => {
    const message = await readLast(nats, stream, subject);
    if (message === null) return { document: null, seq: 0 };
    if (message.deleted || message.body === null) return { document: null, seq: message.seq };
    const parsed = schema.safeParse(message.body);
    if (parsed.success) return { document: parsed.data, seq: message.seq };
    throw new UnreadableDocumentError(
      `${subject} holds a document that this build cannot read; upgrade it: ${z.prettifyError(parsed.error)}`,
    );
  };
  return {
    status: (endpointId) => read(streams.status.name, subjects.status(endpointId), statusDocumentSchema),
    async pools(vpcId, endpointId) {
      const filter = subjects.poolsOfEndpoint(vpcId, endpointId);
      const { state } = await nats.jsm.streams.info(streams.edge.name, { subjects_filter: filter });
      const found = Object.keys(state.subjects ?? {});
      const read1 = async (subject: string): Promise<[string, Sequenced<PoolDocument>]> => [
        lastToken(subject),
        await read(streams.edge.name, subject, poolDocumentSchema),
      ];
      return new Map(await Promise.all(found.map(read1)));
    },
    quarantine: (vpcId, endpointId) =>
      read(streams.infra.name, subjects.quarantine(vpcId, endpointId), quarantineDocumentSchema),
    word: (vpcId, endpointId) => read(streams.infra.name, subjects.word(vpcId, endpointId), wordDocumentSchema),
    async desired(endpointId) {
      const message = await readLast(nats, streams.desired.name, subjects.spec(endpointId));
      if (message === null) return { kind: 'absent' };
      const { seq: revision, deleted, body } = message;
      return readDesired({ endpointId, revision, deleted, text: JSON.stringify(body) });
    },
  };
}

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

/** Writes what routers see of a pool. @throws MovedOnError, NotStoredError. */
export async function writePool(nats: Nats, document: PoolDocument, expectedSeq: number): Promise<void> {
  const { vpcId, endpointId, pool } = document;
  await store(nats, { subject: subjects.pool(vpcId, endpointId, pool), body: document, expectedSeq });
}

/** Remembers an endpoint in quarantine. @throws MovedOnError, NotStoredError. */
export async function writeQuarantine(nats: Nats, document: QuarantineDocument, expectedSeq: number): Promise<void> {
  await store(nats, { subject: subjects.quarantine(document.vpcId, document.endpointId), body: document, expectedSeq });
}

/** Takes a document away; the marker itself leaves the stream after a while. @throws MovedOnError, NotStoredError. */
export async function removeDocument(nats: Nats, subject: string, expectedSeq: number): Promise<void> {
  await store(nats, { subject, body: null, expectedSeq, deleteMarker: true, ttlMs: releaseTtlMs });
}
