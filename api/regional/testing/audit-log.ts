import { auditDocumentSchema, type AuditDocument } from '#shared/contract/audit.ts';
import { streams } from '#shared/contract/subjects.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { readLog } from '#shared/runtime/nats/read-log.ts';

/** Every audit line under a subject, in the order in which they were written. */
export async function readAudit(nats: Nats, subject: string): Promise<AuditDocument[]> {
  const lines: AuditDocument[] = [];
  for await (const message of readLog(nats, streams.audit.name, subject))
    lines.push(auditDocumentSchema.parse(message.json()));
  return lines;
}
