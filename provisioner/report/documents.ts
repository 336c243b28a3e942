import { z } from 'zod';
import { poolDocumentSchema, type PoolDocument } from '#shared/contract/replica.ts';
import { statusDocumentSchema, type StatusDocument } from '#shared/contract/status.ts';
import { lastToken, streams, subjects } from '#shared/contract/subjects.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { readDesired, type DesiredEntry } from '../desired/desired-map.ts';
import type { Sequenced } from '../observe/observed-state.ts';

/** Thrown when a stored document is not what this build can read: it is left alone. */
export class UnreadableDocumentError extends Error {
  override name = 'UnreadableDocumentError';
}

/** The documents of one endpoint as their streams' leaders have them now. @throws when NATS does not answer. */
export interface EndpointDocuments {
  status(endpointId: string): Promise<Sequenced<StatusDocument>>;
  pools(vpcId: string, endpointId: string): Promise<Map<string, Sequenced<PoolDocument>>>;
  desired(endpointId: string): Promise<DesiredEntry>;
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
    async desired(endpointId) {
      const message = await readLast(nats, streams.desired.name, subjects.spec(endpointId));
      if (message === null) return { kind: 'absent' };
      const { seq: revision, deleted, body } = message;
      return readDesired({ endpointId, revision, deleted, text: JSON.stringify(body) });
    },
  };
}
