import type { DocumentWrite, StoredDocument, WriteOutcome } from '#shared/runtime/nats/nats-publish.ts';

/** The region's log of desired state: documents with compare-and-set, written all or none. */
export interface DesiredLog {
  /**
   * Stores one document or, in one atomic batch, several. `batchId` is new for each call. Whatever the network or the
   * server does comes back as an outcome: it never throws.
   */
  write(writes: readonly DocumentWrite[], batchId: string): Promise<WriteOutcome>;
  /**
   * The subject's last message as its leader has it, null when there is none: whatever was acknowledged before is seen.
   * @throws when the leader does not answer.
   */
  last(subject: string): Promise<StoredDocument | null>;
  /** Share of the log's bytes that is taken, 0 to 1. May be a second old. */
  fillRatio(): number;
}
