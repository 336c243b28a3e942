import type { AuditDocument } from '#shared/contract/audit.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { EventDocument } from '#shared/contract/status.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { DocumentWrite, WriteOutcome } from '#shared/runtime/nats/nats-publish.ts';
import { retry } from '#shared/runtime/retry.ts';
import { within } from '#shared/runtime/within.ts';

/** What an accepted mutation leaves behind beside the new state. */
export interface MutationRecord {
  audit: AuditDocument;
  event: EventDocument;
}

/** Writes events and audit lines in the background. */
export interface Recorder extends AsyncDisposable {
  /** Never throws and never waits: a lost line is counted, and the request it tells of has succeeded anyway. */
  record(record: MutationRecord): void;
}

/** What a recorder runs on. */
export interface RecorderOptions {
  write: (write: DocumentWrite) => Promise<WriteOutcome>;
  clock: Clock;
  log: Logger;
  onLost: () => void;
  /** Most records that wait; more are lost at once. */
  waitingMax: number;
  /** How long one record is tried, milliseconds. */
  budgetMs: number;
}

/** Makes a recorder; the message ids make repeats harmless. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { clock, log, onLost, write } = options;
  const stop = new AbortController();
  const waiting = new Set<Promise<void>>();
  const publish = (subject: string, messageId: string, body: unknown): Promise<void> =>
    retry({ clock, baseMs: 100, maxMs: 5000, budgetMs: options.budgetMs, signal: stop.signal }, async () => {
      const outcome = await write({ subject, messageId, body });
      if (outcome.kind !== 'stored') throw new Error(outcome.reason);
    });
  const run = async ({ audit, event }: MutationRecord): Promise<void> => {
    try {
      await publish(subjects.audit(audit.endpointId), `audit-${audit.intentId}-${audit.revision}`, audit);
      await publish(subjects.event(event.endpointId), `event-${audit.intentId}-${audit.revision}`, event);
    } catch (error) {
      onLost();
      log.error({ audit, reason: String(error) }, 'record.lost');
    }
  };
  return {
    record(record) {
      if (waiting.size >= options.waitingMax) {
        onLost();
        log.error({ audit: record.audit, reason: 'too many wait' }, 'record.lost');
        return;
      }
      const running = run(record).finally(() => waiting.delete(running));
      waiting.add(running);
    },
    async [Symbol.asyncDispose]() {
      const all = Promise.all(waiting).then(() => {});
      await within(all, 2000, { clock }).catch(() => {});
      stop.abort();
      await all;
    },
  };
}
