import { z } from 'zod';
import { intentsMax } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { startKeyedQueue, type KeyedQueue } from '#shared/runtime/keyed-queue.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { DocumentWrite, StoredDocument, WriteOutcome } from '#shared/runtime/nats/nats-publish.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import { endsWithin } from '#shared/runtime/within.ts';
import { auditLines, auditSubject, type AuditedDocument, type AuditLine } from './audit-lines.ts';

/** One whose lines are due; those of others once this monotonic time has come, milliseconds. */
type Due = AuditedDocument & { own: boolean; from: number };

/** Where audit lines and events go, and what it is told when there is no room for an endpoint. */
export interface AuditLog {
  write(write: DocumentWrite): Promise<WriteOutcome>;
  /** The last message of a subject of `AUDIT`, from its leader. */
  last(subject: string): Promise<StoredDocument | null>;
  /** Since when it is complete, milliseconds since the epoch: older lines have left it for want of room. 0: from its start. */
  completeSince(): Promise<number>;
  onRefused(): void;
}

/** Other processes leave the lines to the one that committed, this long and up to half as much again. */
const othersAfterMs = 5000;

/** How often it is looked for what others have left, milliseconds. */
const sweepEveryMs = 1000;

/** Rounds of "another process wrote a line first": each time there is one less to write, of at most so many in two documents. */
const roundsMax = 2 * intentsMax + 1;

/** Lines that are about to leave the log by age are as good as gone. */
const dayMs = 24 * 60 * 60 * 1000;

/** Endpoints whose lines are due: all of a region after a start. */
const keysMax = 200_000;

/** All that counts of the last line, of whatever version. */
const toldSchema = z.object({ revision: z.int() });

/**
 * Writes the audit lines and events of whatever is in the log of desired state. The stored intents are the truth: what a
 * process did not get to write before it died, the others write. The last line of a document tells how far it got, and
 * the expected sequence lets one writer win: every intent has its line once, in the order of its document. What is due of
 * both documents of an endpoint at one process is written in their common order.
 */
export class Auditor implements AsyncDisposable {
  readonly #log: AuditLog;
  readonly #logger: Logger;
  readonly #drainTimeoutMs: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** By subject of the audit log. */
  readonly #due = new Map<string, Due>();
  readonly #queue: KeyedQueue;
  readonly #sweep: Loop;
  readonly #gauge: { set(count: number): void };

  constructor({
    auditLog,
    drainTimeoutMs,
    due,
    ...from
  }: {
    auditLog: AuditLog;
    /** How long its end waits for what is due, milliseconds. */
    drainTimeoutMs: number;
    clock: Clock;
    log: Logger;
    random: () => number;
    /** Shows how many documents are due. */
    due: { set(count: number): void };
  }) {
    this.#gauge = due;
    this.#log = auditLog;
    this.#logger = from.log;
    this.#drainTimeoutMs = drainTimeoutMs;
    this.#clock = from.clock;
    this.#random = from.random;
    const backoff = { baseMs: 250, maxMs: 10_000 };
    this.#queue = startKeyedQueue(
      { ...from, name: 'audit', concurrency: 16, backoff, keysMax, onRefused: () => auditLog.onRefused() },
      async (endpointId) => {
        const present = this.#dueOf(endpointId);
        await this.#write(endpointId, present);
        for (const one of present) if (this.#due.get(auditSubject(one)) === one) this.#due.delete(auditSubject(one));
        due.set(this.#due.size);
      },
    );
    const often = { name: 'audit', everyMs: sweepEveryMs, immediately: false, ...from };
    this.#sweep = startLoop(often, () => this.#wakeLeft());
  }

  /** This process has stored the document: its lines are written now. */
  tell(document: AuditedDocument): void {
    const subject = auditSubject(document);
    // Answers may come in another order than the writes; the newer document has the intents of the older one.
    if ((this.#due.get(subject)?.revision ?? 0) <= document.revision)
      this.#due.set(subject, { ...document, own: true, from: 0 });
    this.#gauge.set(this.#due.size);
    this.#queue.add(document.document.endpointId);
  }

  /** The document is in the log: whoever stored it has probably written its lines. */
  look(document: AuditedDocument): void {
    const subject = auditSubject(document);
    if ((this.#due.get(subject)?.revision ?? 0) >= document.revision) return;
    const from = this.#clock.monotonic() + othersAfterMs * (1 + this.#random() / 2);
    this.#due.set(subject, { ...document, own: false, from });
    this.#gauge.set(this.#due.size);
  }

  /**
   * Resolves when all lines of a document are stored: before an intent may leave it.
   * @throws AppError `unavailable` when they cannot be stored now.
   */
  async settle(document: AuditedDocument): Promise<void> {
    try {
      await this.#write(document.document.endpointId, [{ ...document, own: false, from: 0 }]);
    } catch (cause) {
      throw new AppError('unavailable', { message: 'The audit log cannot be written right now.', cause });
    }
  }

  /** The same where the intent leaves in any case: a line that cannot be written is told of. */
  async settleOrTell(document: AuditedDocument): Promise<void> {
    const { endpointId } = document.document;
    await this.settle(document).catch((error: unknown) =>
      this.#logger.error({ err: error, endpointId, revision: document.revision }, 'audit.line_lost'),
    );
  }

  /** Lets what is due now be written, for the drain time; what is left, others write. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweep[Symbol.asyncDispose]();
    await endsWithin(this.#queue.idle(), this.#drainTimeoutMs, { clock: this.#clock });
    const documents = this.#due
      .values()
      .filter(({ own }) => own)
      .toArray().length;
    if (documents > 0) this.#logger.warn({ documents }, 'audit.left_to_others');
    await this.#queue[Symbol.asyncDispose]();
  }

  #wakeLeft(): void {
    const now = this.#clock.monotonic();
    for (const { document, own, from } of this.#due.values())
      if (!own && from <= now) this.#queue.add(document.endpointId);
  }

  #dueOf(endpointId: string): Due[] {
    const now = this.#clock.monotonic();
    return (['spec', 'access'] as const)
      .map((document) => this.#due.get(subjects.audit(document, endpointId)))
      .filter((due) => due !== undefined)
      .filter(({ from }) => from <= now);
  }

  async #write(endpointId: string, dues: readonly Due[]): Promise<void> {
    for (let round = 0; round < roundsMax; round += 1) {
      const untold = await Promise.all(dues.map((due) => this.#untold(due, round)));
      const lines = untold.flatMap((one) => one.lines).toSorted((a, b) => a.audit.revision - b.audit.revision);
      if (await this.#append(lines, new Map(untold.map(({ subject, seq }) => [subject, seq])))) return;
    }
    throw new Error(`the audit lines of ${endpointId} are written elsewhere all the time`);
  }

  /** The lines that a document still lacks, and the sequence of the last one that it has. @throws when the log does not say. */
  async #untold(due: Due, round: number): Promise<{ subject: string; seq: number; lines: AuditLine[] }> {
    const subject = auditSubject(due);
    const { kind, intents } = due.document;
    // Nobody can have told of what was made just here: no need to look.
    const isNew = due.own && kind !== 'tombstone' && intents.length === 1;
    const aged = this.#clock.now() - streams.audit.maxAgeMs + dayMs;
    const last = isNew && round === 0 ? null : await this.#log.last(subject);
    if (last !== null)
      return { subject, seq: last.seq, lines: auditLines(due, toldSchema.parse(last.body).revision, aged) };
    // Those of a document that has not been changed for long may have left the log: they are not written again.
    const since = isNew ? aged : Math.max(aged, await this.#log.completeSince());
    return { subject, seq: 0, lines: auditLines(due, 0, since) };
  }

  /** False when somebody else has written one in between. @throws when it is not known whether one is stored. */
  async #append(lines: readonly AuditLine[], lastSeqs: Map<string, number>): Promise<boolean> {
    for (const { subject, audit, event } of lines) {
      const messageId = `event-${audit.intentId}-${audit.revision}`;
      await this.#store({ subject: subjects.event(event.endpointId), messageId, body: event });
      const seq = await this.#store({ subject, body: audit, expectedSeq: lastSeqs.get(subject) ?? 0 });
      if (seq === undefined) return false;
      lastSeqs.set(subject, seq);
    }
    return true;
  }

  async #store(write: DocumentWrite): Promise<number | undefined> {
    const outcome = await this.#log.write(write);
    if (outcome.kind === 'stored') return outcome.seqs[0] ?? 0;
    if (outcome.kind === 'conflict') return undefined;
    throw new Error(`${write.subject} was not written: ${outcome.reason}`);
  }
}
