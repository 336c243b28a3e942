import { z } from 'zod';
import {
  accessTombstoneSchema,
  intentsMax,
  specDocumentSchema,
  tombstoneSchema,
  writtenAccessSchema,
  type IntentEntry,
} from '#shared/contract/desired.ts';
import type { StoredDocument } from '#shared/runtime/nats/nats-publish.ts';

/** What the last message of its carrier's subject says about one intent. */
export type IntentVerdict =
  | { kind: 'mine'; revision: number; at: number }
  | { kind: 'moved'; subject: string }
  | { kind: 'mismatch' }
  | { kind: 'unprovable'; subject: string }
  | { kind: 'nothing' };

/** The intent that is looked for. */
export interface SoughtIntent {
  intentId: string;
  bodyHash: string;
  carrier: { subject: string; expectedSeq: number };
}

/** What can stand on the subject of a document that carries intents. */
const carrierSchema = z.discriminatedUnion('kind', [
  specDocumentSchema,
  tombstoneSchema,
  writtenAccessSchema,
  accessTombstoneSchema,
]);

/**
 * Whether an intent was stored, by the newest message of its subject. Every writer carries the list of intents forward,
 * so its absence proves that it was not; once the list has been cut, that is `unprovable`. A document that cannot be
 * read proves nothing either.
 */
export function judgeIntent(intent: SoughtIntent, last: StoredDocument | null): IntentVerdict {
  const { subject, expectedSeq } = intent.carrier;
  const seq = last?.seq ?? 0;
  if (seq === expectedSeq) return { kind: 'nothing' };
  if (last === null || last.deleted) return { kind: 'moved', subject };
  const document = carrierSchema.safeParse(last.body);
  if (!document.success) return { kind: 'unprovable', subject };
  if (document.data.kind === 'tombstone' || document.data.kind === 'revoked') return { kind: 'moved', subject };
  const { intents } = document.data;
  const entry = intents.find(({ intentId }) => intentId === intent.intentId);
  if (entry !== undefined)
    return entry.bodyHash === intent.bodyHash
      ? { kind: 'mine', revision: entry.revision ?? last.seq, at: entry.at }
      : { kind: 'mismatch' };
  return { kind: reachesBackTo(expectedSeq, intents) ? 'moved' : 'unprovable', subject };
}

/** A full list has lost entries; its first one may be the create's, which stays for a day: the rest is without gaps. */
function reachesBackTo(revision: number, intents: readonly IntentEntry[]): boolean {
  if (intents.length < intentsMax) return true;
  return intents.slice(1).some((entry) => entry.revision !== null && entry.revision <= revision);
}
