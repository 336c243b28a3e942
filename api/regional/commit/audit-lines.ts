import type { AuditDocument } from '#shared/contract/audit.ts';
import type { DesiredDocument, IntentEntry, WrittenAccess } from '#shared/contract/desired.ts';
import type { EventDocument } from '#shared/contract/status.ts';
import { subjects } from '#shared/contract/subjects.ts';

/** A document that carries intents, with the sequence it stands at. */
export interface AuditedDocument {
  document: DesiredDocument | WrittenAccess;
  revision: number;
}

/** What one accepted mutation leaves behind beside the new state: who did it, and a line of the endpoint's timeline. */
export interface AuditLine {
  /** Where the line goes: the last one there tells how far those of its document have got. */
  subject: string;
  audit: AuditDocument;
  event: EventDocument;
}

const eventTypes = {
  create: 'endpoint.created',
  scale: 'endpoint.scaled',
  update: 'endpoint.updated',
  delete: 'endpoint.delete_requested',
  release: 'endpoint.deleted',
  create_token: 'token.created',
  rotate_token: 'token.rotated',
  revoke_token: 'token.revoked',
} as const;

/** Where the lines of a document go. */
export function auditSubject({ document: { kind, endpointId } }: AuditedDocument): string {
  return subjects.audit(kind === 'access' ? 'access' : 'spec', endpointId);
}

/**
 * The lines of the intents that a document remembers and that came after revision `told`, oldest first. What happened
 * before `since` (milliseconds since the epoch) is left out: its line may have left the log by age.
 */
export function auditLines(audited: AuditedDocument, told: number, since: number): AuditLine[] {
  const { document, revision } = audited;
  return document.intents
    .filter((entry) => (entry.revision ?? revision) > told && entry.at >= since)
    .flatMap((entry) => lineOf(audited, entry));
}

function lineOf(audited: AuditedDocument, entry: IntentEntry): AuditLine[] {
  const { endpointId, team, kind } = audited.document;
  const { verb, actor, intentId, requestId, summary, previousHash: before, contentHash: after } = entry;
  if (verb === undefined) return [];
  const revision = entry.revision ?? audited.revision;
  const common = { v: 1, endpointId, team, at: new Date(entry.at).toISOString(), actor, revision } as const;
  const document = kind === 'access' ? kind : 'spec';
  return [
    {
      subject: auditSubject(audited),
      audit: { ...common, document, action: verb, intentId, requestId, summary, before, after },
      event: { ...common, type: eventTypes[verb], phase: 'desired', reason: 'Accepted', message: summary, hint: '' },
    },
  ];
}
