import {
  accessTombstoneSchema,
  desiredSchema,
  nameSchema,
  writtenAccessSchema,
  type DesiredDocument,
  type NameDocument,
  type RevisedSpec,
  type SpecDocument,
  type WrittenAccess,
} from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import type { StoredDocument } from '#shared/runtime/nats/nats-publish.ts';
import type { DesiredLog } from '../commit/desired-log.ts';
import type { Call, RegionContext } from './region-context.ts';

/** The newest desired document of an endpoint; null when there is none. `revision` is what the next write must expect. */
export interface DesiredState {
  document: DesiredDocument | null;
  revision: number;
}

/** Reads it from the leader. @throws AppError `unavailable`. */
export async function readDesired(log: DesiredLog, endpointId: string): Promise<DesiredState> {
  const last = await readLeader(log, subjects.spec(endpointId));
  if (last === null || last.deleted) return { document: null, revision: last?.seq ?? 0 };
  const parsed = desiredSchema.safeParse(last.body);
  if (!parsed.success) throw newerVersion(last.subject, parsed.error);
  return { document: parsed.data, revision: last.seq };
}

/**
 * The spec of an endpoint of the caller's team, from the leader. Whoever reaches for another team's is told what is told of
 * one that was never there, and the log has a line of it.
 * @throws AppError `not_found` when there is none or it is another team's, `unavailable` when the leader is silent.
 */
export async function readSpec(
  { desired, log }: Pick<RegionContext, 'desired' | 'log'>,
  { principal: { team, tokenId }, requestId }: Call,
  endpointId: string,
): Promise<RevisedSpec> {
  const { document, revision } = await readDesired(desired, endpointId);
  if (document !== null && document.team !== team)
    log.warn({ requestId, tokenId, team, endpointId, owner: document.team }, 'endpoint.foreign');
  if (document?.kind !== 'spec' || document.team !== team) throw new AppError('not_found');
  return { spec: document, revision };
}

/** A name's place in the log: whose it is, and the sequence that a claim must expect. */
export interface NameState {
  subject: string;
  seq: number;
  document: NameDocument | null;
}

/** Reads a name from the leader. @throws AppError `unavailable`. */
export async function readName(log: DesiredLog, team: string, name: string): Promise<NameState> {
  const subject = subjects.name(team, digest(name));
  const last = await readLeader(log, subject);
  if (last === null || last.deleted) return { subject, seq: last?.seq ?? 0, document: null };
  const parsed = nameSchema.safeParse(last.body);
  if (!parsed.success) throw newerVersion(subject, parsed.error);
  return { subject, seq: last.seq, document: parsed.data };
}

/** The access of an endpoint; null when there is none. `revision` is what the next write must expect. */
export interface AccessState {
  document: WrittenAccess | null;
  revision: number;
}

/** Reads it from the leader. @throws AppError `unavailable`. */
export async function readAccessOf(
  log: DesiredLog,
  { vpcId, endpointId }: Pick<SpecDocument, 'vpcId' | 'endpointId'>,
): Promise<AccessState> {
  const last = await readLeader(log, subjects.access(vpcId, endpointId));
  const revision = last?.seq ?? 0;
  if (last === null || last.deleted || accessTombstoneSchema.safeParse(last.body).success)
    return { document: null, revision };
  const parsed = writtenAccessSchema.safeParse(last.body);
  if (!parsed.success) throw newerVersion(last.subject, parsed.error);
  return { document: parsed.data, revision };
}

/** The last message of a subject. @throws AppError `unavailable` when the leader is silent. */
async function readLeader(log: DesiredLog, subject: string): Promise<StoredDocument | null> {
  try {
    return await log.last(subject);
  } catch (cause) {
    throw new AppError('unavailable', { message: 'The store of desired state does not answer right now.', cause });
  }
}

function newerVersion(subject: string, cause: unknown): AppError {
  return new AppError('unavailable', {
    message: `The document on ${subject} was written by another version of the API. Upgrade this process.`,
    cause,
  });
}
