import { auditDocumentSchema, operatorLineSchema, type AuditDocument } from '#shared/contract/audit.ts';
import { uuidSchema } from '#shared/contract/ids.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { findStream } from '#shared/runtime/nats/nats-streams.ts';
import { readLog } from '#shared/runtime/nats/read-log.ts';
import { redactText } from '#shared/runtime/redact.ts';
import { isoNow, type AdminContext } from './admin-context.ts';

const stream = streams.audit.name;

/** Characters of a hash that are shown. */
const hashLength = 12;

/**
 * Runs an operator's command with its line in the audit log: before it, so that no change is without one; after it where
 * it is the command that makes the log. @throws ConfigError when the line cannot be stored.
 */
export async function audited<T>(context: AdminContext, command: string, run: () => Promise<T>): Promise<T> {
  const isThere = (await findStream(context.nats, stream)) !== undefined;
  if (isThere) await record(context, command);
  const result = await run();
  if (!isThere) await record(context, command);
  return result;
}

async function record(context: AdminContext, command: string): Promise<void> {
  const body = { v: 1, at: isoNow(context), actor: 'admin', command: redactText(command) };
  const outcome = await writeDocuments(
    context.nats,
    [{ subject: subjects.audit('operator', context.region), body }],
    '',
  );
  if (outcome.kind !== 'stored')
    throw new ConfigError(`The audit log took no line (${outcome.reason}). Run the command again.`);
}

/** What operators have asked for in this region, oldest first. */
export async function tellOperators({ nats, region }: AdminContext): Promise<string[]> {
  const lines: string[] = [];
  for await (const message of readLog(nats, stream, subjects.audit('operator', region))) {
    const { at, actor, command } = operatorLineSchema.parse(message.json());
    lines.push(`${at}  ${actor}  ${command}`);
  }
  return lines;
}

/**
 * Who changed what at an endpoint, oldest first, and where a document did not begin with what the change before it left.
 * @throws ConfigError when there is no line.
 */
export async function tellEndpoint({ nats }: AdminContext, endpointId: string): Promise<string[]> {
  if (!uuidSchema.safeParse(endpointId).success) throw new ConfigError(`"${endpointId}" is no endpoint's id.`);
  const found: AuditDocument[] = [];
  for (const document of ['spec', 'access'] as const)
    for await (const message of readLog(nats, stream, subjects.audit(document, endpointId)))
      found.push(auditDocumentSchema.parse(message.json()));
  if (found.length === 0) throw new ConfigError(`The audit log of this region has no line of endpoint ${endpointId}.`);
  const left = new Map<string, string | null>();
  return found
    .toSorted((a, b) => a.revision - b.revision)
    .flatMap((line) => {
      const expected = left.get(line.document);
      left.set(line.document, line.after);
      const gap = expected !== undefined && expected !== line.before;
      return [...(gap ? [`  ! ${line.document}: changed past the API, or a line is missing`] : []), textOf(line)];
    });
}

function textOf({ at, revision, actor, action, summary, requestId, document, before, after }: AuditDocument): string {
  const short = (hash: string | null): string => hash?.slice(0, hashLength) ?? 'nothing';
  const asked = requestId === '' ? '' : ` (request ${requestId})`;
  return `${at}  ${revision}  ${actor}  ${action}: ${summary}${asked}  [${document} ${short(before)} → ${short(after)}]`;
}
