import { auditDocumentSchema } from '#shared/contract/audit.ts';
import type { DesiredDocument } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { startKeyedQueue, type KeyedQueue } from '#shared/runtime/keyed-queue.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { DocumentWrite, StoredDocument, WriteOutcome } from '#shared/runtime/nats/nats-publish.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import { endsWithin } from '#shared/runtime/within.ts';
import { auditLines, type AuditLine } from './audit-lines.ts';

/** A document of desired state, with the sequence it stands at. */
export interface AuditedDocument {
  document: DesiredDocument;
  revision: number;
}

/** One whose lines are due; those of others once this monotonic time has come, milliseconds. */
type Due = AuditedDocument & { own: boolean; from: number };

/** Where audit lines and events go, and what it is told when there is no room for an endpoint. */
export interface AuditLog {
  write(write: DocumentWrite): Promise<WriteOutcome>;
  /** The last message of a subject of `AUDIT`, from its leader. */
  last(subject: string): Promise<StoredDocument | null>;
  onRefused(): void;
}

/** Other processes leave the lines to the one that committed, this long and up to half as much again. */
const othersAfterMs = 5000;

/** How often it is looked for what others have left, milliseconds. */
const sweepEveryMs = 1000;

/** Rounds of "another process wrote a line first". */
const roundsMax = 8;

/** Lines that are about to leave the log by age are as good as gone. */
const dayMs = 24 * 60 * 60 * 1000;

/** Endpoints whose lines are due: all of a region after a start. */
const keysMax = 200_000;

/**
 * Writes the audit lines and events of whatever is in the log of desired state. The stored intents are the truth: what a
 * process did not get to write before it died, the others write. The last line of an endpoint tells how far it got, and
 * the expected sequence lets one writer win: every intent has its line once, in order.
 */
export class Auditor implements AsyncDisposable {
  readonly #log: AuditLog;
  readonly #logger: Logger;
  readonly #drainTimeoutMs: number;
  readonly #clock: Clock;
  readonly #random: () => number;
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
    /** Shows how many endpoints are due. */
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
        const present = this.#due.get(endpointId);
        if (present === undefined) return;
        await this.#write(present);
        if (this.#due.get(endpointId) === present) this.#due.delete(endpointId);
        due.set(this.#due.size);
      },
    );
    const often = { name: 'audit', everyMs: sweepEveryMs, immediately: false, ...from };
    this.#sweep = startLoop(often, () => this.#wakeLeft());
  }

  /** This process has stored the document: its lines are written now. */
  tell(document: AuditedDocument): void {
    const { endpointId } = document.document;
    this.#due.set(endpointId, { ...document, own: true, from: 0 });
    this.#gauge.set(this.#due.size);
    this.#queue.add(endpointId);
  }

  /** The document is in the log: whoever stored it has probably written its lines. */
  look(document: AuditedDocument): void {
    const { endpointId } = document.document;
    if ((this.#due.get(endpointId)?.revision ?? 0) >= document.revision) return;
    const from = this.#clock.monotonic() + othersAfterMs * (1 + this.#random() / 2);
    this.#due.set(endpointId, { ...document, own: false, from });
    this.#gauge.set(this.#due.size);
  }

  /**
   * Resolves when all lines of a document are stored: before an intent may leave it.
   * @throws AppError `unavailable` when they cannot be stored now.
   */
  async settle(document: AuditedDocument): Promise<void> {
    try {
      await this.#write({ ...document, own: false, from: 0 });
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
    const endpoints = this.#due
      .values()
      .filter(({ own }) => own)
      .toArray().length;
    if (endpoints > 0) this.#logger.warn({ endpoints }, 'audit.left_to_others');
    await this.#queue[Symbol.asyncDispose]();
  }

  #wakeLeft(): void {
    const now = this.#clock.monotonic();
    for (const [endpointId, { own, from }] of this.#due) if (!own && from <= now) this.#queue.add(endpointId);
  }

  async #write(due: Due): Promise<void> {
    const { endpointId, kind, intents } = due.document;
    // Nobody can have told of what was made just here: no need to look.
    const isNew = due.own && kind === 'spec' && intents.length === 1;
    const since = this.#clock.now() - streams.audit.maxAgeMs + dayMs;
    for (let round = 0; round < roundsMax; round += 1) {
      const last = isNew && round === 0 ? null : await this.#log.last(subjects.audit(endpointId));
      const told = auditDocumentSchema.safeParse(last?.body).data?.revision ?? 0;
      if (await this.#append(auditLines(due, told, since), last?.seq ?? 0)) return;
    }
    throw new Error(`the audit lines of ${endpointId} are written elsewhere all the time`);
  }

  /** False when somebody else has written one in between. @throws when it is not known whether one is stored. */
  async #append(lines: readonly AuditLine[], lastSeq: number): Promise<boolean> {
    let expectedSeq = lastSeq;
    for (const { audit, event } of lines) {
      const messageId = `event-${audit.intentId}-${audit.revision}`;
      await this.#store({ subject: subjects.event(event.endpointId), messageId, body: event });
      const seq = await this.#store({ subject: subjects.audit(audit.endpointId), body: audit, expectedSeq });
      if (seq === undefined) return false;
      expectedSeq = seq;
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
