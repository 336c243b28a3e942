import type { DocumentWrite, StoredDocument, WriteOutcome } from '#shared/runtime/nats/nats-publish.ts';
import type { DesiredLog } from '../commit/desired-log.ts';

/**
 * What goes wrong with the next write: `ackLost` it is stored and the answer is lost · `lost` it never arrives ·
 * `late` it arrives only when `deliverLate` is called · `full` it is refused.
 */
export type WriteFault = 'ackLost' | 'lost' | 'late' | 'full';

/** A log in memory whose faults a test chooses. */
export class MemoryDesiredLog implements DesiredLog {
  readonly #last = new Map<string, StoredDocument>();
  readonly #late: (readonly DocumentWrite[])[] = [];
  #seq = 0;
  /** Faults of the next writes, in order. */
  faults: WriteFault[] = [];
  /** How many of the next reads fail. */
  readsLost = 0;
  fill = 0;
  /** Runs before each write reaches the log: a second writer in between. */
  beforeWrite: (() => void) | undefined;
  written = 0;
  /** Everything that was ever stored, in order. */
  readonly history: StoredDocument[] = [];

  write(writes: readonly DocumentWrite[]): Promise<WriteOutcome> {
    this.written += 1;
    this.beforeWrite?.();
    const fault = this.faults.shift();
    if (fault === 'full') return Promise.resolve({ kind: 'full', reason: 'maximum bytes exceeded' });
    if (fault === 'late') this.#late.push(writes);
    if (fault === 'late' || fault === 'lost') return Promise.resolve({ kind: 'doubtful', reason: 'time-out' });
    const outcome = this.store(writes);
    return Promise.resolve(fault === 'ackLost' ? { kind: 'doubtful', reason: 'time-out' } : outcome);
  }

  last(subject: string): Promise<StoredDocument | null> {
    if (this.readsLost > 0) {
      this.readsLost -= 1;
      return Promise.reject(new Error('no leader'));
    }
    return Promise.resolve(this.#last.get(subject) ?? null);
  }

  fillRatio(): number {
    return this.fill;
  }

  /** Stores at once, past all faults. */
  store(writes: readonly DocumentWrite[]): WriteOutcome {
    const stale = writes.find(
      ({ subject, expectedSeq }) => expectedSeq !== undefined && expectedSeq !== (this.#last.get(subject)?.seq ?? 0),
    );
    if (stale !== undefined) return { kind: 'conflict', reason: `wrong last sequence on ${stale.subject}` };
    const seqs = writes.map(({ subject, body }) => {
      this.#seq += 1;
      const copy: unknown = structuredClone(body);
      const stored = { subject, seq: this.#seq, body: copy, deleted: false };
      this.#last.set(subject, stored);
      this.history.push(stored);
      return this.#seq;
    });
    return { kind: 'stored', seqs };
  }

  /** Lets every late write arrive now. */
  deliverLate(): void {
    for (const writes of this.#late.splice(0)) this.store(writes);
  }

  /** A message leaves by its TTL. */
  expire(subject: string): void {
    this.#last.delete(subject);
  }
}
