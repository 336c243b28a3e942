import { z } from 'zod';
import { intentVerbs, teamSchema } from './desired.ts';
import { uuidSchema } from './ids.ts';

/** One accepted mutation, on `fairway.audit.<endpointId>`: who changed what, and which revision came of it. No secrets. */
export const auditDocumentSchema = z.object({
  v: z.literal(1),
  endpointId: uuidSchema,
  team: teamSchema,
  at: z.iso.datetime(),
  /** Id of the API token. */
  actor: z.string(),
  action: z.enum(intentVerbs),
  intentId: z.string(),
  requestId: z.string(),
  revision: z.int(),
  /** The change in one line. */
  summary: z.string(),
});

/** One line of the audit log. */
export type AuditDocument = z.infer<typeof auditDocumentSchema>;
