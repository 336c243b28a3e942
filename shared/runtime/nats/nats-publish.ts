import {
  ConnectionError,
  headers,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
  type MsgHdrs,
} from '@nats-io/nats-core';
import { JetStreamApiError } from '@nats-io/jetstream';
import { isDeletion } from './is-deletion.ts';
import type { Nats } from './nats.ts';

/** One message of a write: `expectedSeq` is the subject's last sequence (0 = the subject must be empty). */
export interface DocumentWrite {
  subject: string;
  body: unknown;
  expectedSeq?: number;
  /** The message leaves the stream by itself after this time. */
  ttlMs?: number;
  /** For key-value buckets: marks the key as deleted. */
  deleteMarker?: boolean;
  /** The stream drops a repeat of this id within its duplicate window (logs; documents have CAS). */
  messageId?: string;
}

/** A stored message with its place in the stream. */
export interface StoredDocument {
  subject: string;
  seq: number;
  body: unknown;
  deleted: boolean;
}

/**
 * What is known after a write. `conflict`: refused, a subject has moved on (or the write itself had been stored
 * before: on a single server a repeat answers like this). `doubtful`: it may or may not have been stored.
 * `full`: refused, the stream has no room.
 */
export type WriteOutcome =
  | { kind: 'stored'; seqs: number[] }
  | { kind: 'conflict' | 'doubtful' | 'full'; reason: string };

/** Codes of nats-server's errors.json: wrong last sequence, duplicate in process, wrong last sequence unknown. */
const conflictCodes = new Set([10_071, 10_158, 10_164]);
/** Insufficient resources, store failed (limits reached), maximum bytes exceeded, message size exceeded. */
const fullCodes = new Set([10_023, 10_047, 10_054, 10_077, 10_122]);

/**
 * Stores one message, or several in one atomic batch: all or none. Sequences come back in the order of the writes. A batch
 * is sent whole and answered once: a message that the server does not take has its own answer, and the batch has failed.
 * Never throws for what the server or the network answers. Source: nats-server ADR-50 (the `Nats-Batch-*` headers);
 * the client's own batch hides the error code of a refused commit, hence the raw requests.
 */
export async function writeDocuments(
  nats: Nats,
  writes: readonly DocumentWrite[],
  batchId: string,
): Promise<WriteOutcome> {
  const last = writes.length - 1;
  try {
    const sent = writes.map((write, index) => {
      const header = headersOf(write);
      if (writes.length > 1) header.set('Nats-Batch-Id', batchId);
      if (writes.length > 1) header.set('Nats-Batch-Sequence', String(index + 1));
      if (writes.length > 1 && index === last) header.set('Nats-Batch-Commit', '1');
      return nats.nc.request(write.subject, encode(write), { headers: header, timeout: 2000 });
    });
    const answers = (await Promise.all(sent)).map((reply) =>
      reply.data.length === 0 ? {} : reply.json<BatchAnswer>(),
    );
    const failed = answers.find(({ error }) => error !== undefined);
    if (failed?.error !== undefined) return refused(failed.error);
    const seq = answers[last]?.seq;
    if (seq !== undefined) return { kind: 'stored', seqs: sequences(seq, writes.length) };
    return { kind: 'doubtful', reason: 'the server did not confirm the write' };
  } catch (error) {
    return { kind: 'doubtful', reason: reasonOf(error) };
  }
}

interface BatchAnswer {
  seq?: number;
  error?: { code?: number; err_code?: number; description?: string };
}

function refused(error: NonNullable<BatchAnswer['error']>): WriteOutcome {
  const code = error.err_code ?? 0;
  const reason = error.description ?? `error ${code}`;
  if (conflictCodes.has(code)) return { kind: 'conflict', reason };
  if (fullCodes.has(code)) return { kind: 'full', reason };
  return { kind: 'doubtful', reason };
}

function sequences(last: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => last - count + 1 + index);
}

function headersOf(write: DocumentWrite): MsgHdrs {
  const header = headers();
  if (write.expectedSeq !== undefined) header.set('Nats-Expected-Last-Subject-Sequence', String(write.expectedSeq));
  if (write.ttlMs !== undefined) header.set('Nats-TTL', `${Math.max(1, Math.ceil(write.ttlMs / 1000))}s`);
  if (write.messageId !== undefined) header.set('Nats-Msg-Id', write.messageId);
  if (write.deleteMarker === true) header.set('KV-Operation', 'PURGE');
  if (write.deleteMarker === true) header.set('Nats-Rollup', 'sub');
  return header;
}

function encode(write: DocumentWrite): Uint8Array {
  return write.deleteMarker === true ? new Uint8Array(0) : new TextEncoder().encode(JSON.stringify(write.body));
}

function reasonOf(error: unknown): string {
  if (error instanceof TimeoutError) return 'no answer from NATS in time';
  if (error instanceof NoRespondersError) return 'the stream has no leader';
  if (error instanceof RequestError && error.isNoResponders()) return 'the stream has no leader';
  return error instanceof Error ? error.message : String(error);
}

/**
 * The last message of a subject (a wildcard gives the last of all that match), read from the stream's leader:
 * what has been acknowledged before the call is seen. Null when there is none. @throws when NATS does not answer.
 */
export async function readLast(nats: Nats, stream: string, subject: string): Promise<StoredDocument | null> {
  const message = await nats.jsm.streams.getMessage(stream, { last_by_subj: subject });
  if (message === null) return null;
  return {
    subject: message.subject,
    seq: message.seq,
    deleted: isDeletion(message.header),
    body: message.data.length === 0 ? null : message.json(),
  };
}

/** The last message of each subject that the leader has under a wildcard, deletions left out. @throws when NATS does not answer. */
export async function readEach(nats: Nats, stream: string, filter: string): Promise<StoredDocument[]> {
  const { state } = await nats.jsm.streams.info(stream, { subjects_filter: filter });
  const found = await Promise.all(Object.keys(state.subjects ?? {}).map((subject) => readLast(nats, stream, subject)));
  return found.flatMap((document) => (document === null || document.deleted ? [] : [document]));
}

/** What the client throws while the server is away, hangs, or nobody answers for a stream. */
const troubles = [TimeoutError, NoRespondersError, RequestError, ConnectionError];

/**
 * True for failures of NATS that another attempt may heal, also as the cause of another error: a JetStream without a
 * leader does not answer, which the client wraps in an error that says "jetstream is not enabled".
 */
export function isNatsTrouble(error: unknown): boolean {
  if (error instanceof Error && error.cause instanceof PermissionViolationError) return false;
  if (error instanceof JetStreamApiError) return error.status >= 500 || error.code === 10_164;
  if (troubles.some((kind) => error instanceof kind)) return true;
  return error instanceof Error && error.cause !== undefined && isNatsTrouble(error.cause);
}
