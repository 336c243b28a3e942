import { accessTombstoneSchema, writtenAccessSchema, type WrittenAccess } from '#shared/contract/desired.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import type { StoredDocument } from '#shared/runtime/nats/nats-publish.ts';
import { startView } from '#shared/runtime/nats/nats-view.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';

/** Hears of access documents; nothing of them is kept. */
export interface AccessChanges extends AsyncDisposable {
  /** Takes note of a document of desired state that was read from the leader or stored. */
  learn(document: StoredDocument): void;
}

/** Follows the access documents of a region: `onChanged` hears of each whose tokens were changed since the create. */
export function startAccessChanges({
  onChanged,
  ...from
}: {
  nats: Nats;
  clock: Clock;
  log: Logger;
  onChanged: (access: { document: WrittenAccess; revision: number }) => void;
}): AccessChanges {
  const stream = streams.desired.name;
  const look = (body: unknown, { subject, seq }: { subject: string; seq: number }): void => {
    const access = writtenAccessSchema.safeParse(body);
    if (access.success && access.data.intents.length > 0) onChanged({ document: access.data, revision: seq });
    if (!access.success && !accessTombstoneSchema.safeParse(body).success)
      from.log.warn({ stream, subject, seq }, 'document.parked');
  };
  const view = startView({
    ...from,
    stream,
    subjects: [subjects.everyAccess],
    apply: (message) => message.deleted || look(parseJson(message.text), message),
  });
  return {
    learn: (document) => {
      if (isAccess(document.subject) && view.learn(document) && !document.deleted) look(document.body, document);
    },
    [Symbol.asyncDispose]: () => view[Symbol.asyncDispose](),
  };
}

function isAccess(subject: string): boolean {
  return subject.startsWith(subjects.everyAccess.slice(0, subjects.everyAccess.indexOf('*')));
}
