import type { AuditDocument } from '#shared/contract/audit.ts';
import type { DesiredDocument, IntentEntry } from '#shared/contract/desired.ts';
import type { EventDocument } from '#shared/contract/status.ts';

/** What one accepted mutation leaves behind beside the new state: who did it, and a line of the endpoint's timeline. */
export interface AuditLine {
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

/**
 * The lines of the intents that a document remembers and that came after revision `told`, oldest first. What happened
 * before `since` (milliseconds since the epoch) is left out: its line may have left the log by age.
 */
export function auditLines(
  { document, revision }: { document: DesiredDocument; revision: number },
  told: number,
  since: number,
): AuditLine[] {
  return document.intents
    .filter((entry) => (entry.revision ?? revision) > told && entry.at >= since)
    .flatMap((entry) => lineOf(document, entry, entry.revision ?? revision));
}

function lineOf(
  { endpointId, team }: DesiredDocument,
  { verb, actor, intentId, requestId, summary, at }: IntentEntry,
  revision: number,
): AuditLine[] {
  if (verb === undefined) return [];
  const common = { v: 1, endpointId, team, at: new Date(at).toISOString(), actor, revision } as const;
  return [
    {
      audit: { ...common, action: verb, intentId, requestId, summary },
      event: {
        ...common,
        type: eventTypes[verb],
        phase: 'desired',
        reason: 'Accepted',
        message: summary,
        hint: '',
      },
    },
  ];
}
