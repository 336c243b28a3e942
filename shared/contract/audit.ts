import { z } from 'zod';
import { intentVerbs, teamSchema } from './desired.ts';
import { uuidSchema } from './ids.ts';

/**
 * One accepted mutation of an endpoint, on `fairway.audit.<document>.<endpointId>`: who changed what, and which revision
 * came of it. No secrets. `before` of a line is `after` of the one before it on the same document, unless somebody went
 * past the API.
 */
export const auditDocumentSchema = z.object({
  v: z.literal(1),
  document: z.enum(['spec', 'access']),
  endpointId: uuidSchema,
  team: teamSchema,
  at: z.iso.datetime(),
  /** Id of the API token; `fairway` for what the region does by itself. */
  actor: z.string(),
  action: z.enum(intentVerbs),
  intentId: z.string(),
  requestId: z.string(),
  revision: z.int(),
  /** The change in one line. */
  summary: z.string(),
  /** SHA-256 of the document's content before the change and after it; null where there was none. */
  before: z.string().nullable(),
  after: z.string().nullable(),
});

/** What an operator asked for, on `fairway.audit.operator.<region>`: written before it is done. No secrets. */
export const operatorLineSchema = z.object({
  v: z.literal(1),
  at: z.iso.datetime(),
  actor: z.string(),
  /** The command as it was given; what has the form of a secret is masked. */
  command: z.string(),
});

/** One line about an endpoint. */
export type AuditDocument = z.infer<typeof auditDocumentSchema>;
