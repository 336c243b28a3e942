import type { SpecDocument, WrittenAccess } from '#shared/contract/desired.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { DocumentWrite, WriteOutcome } from '#shared/runtime/nats/nats-publish.ts';
import { fullJitter } from '#shared/runtime/retry.ts';
import { OverdueError, within } from '#shared/runtime/within.ts';
import type { AuditedDocument } from './audit-lines.ts';
import type { DesiredLog } from './desired-log.ts';
import { judgeIntent, type IntentVerdict } from './judge-intent.ts';

/** A write with its expected sequence: the only kind there is in the log of desired state. */
export type GuardedWrite = DocumentWrite & { expectedSeq: number };

/** A mutation that is ready to be stored: the document that carries its intent, and what must change with it. */
export interface PreparedIntent<Carrier extends SpecDocument | WrittenAccess = SpecDocument | WrittenAccess> {
  intentId: string;
  bodyHash: string;
  carrier: GuardedWrite & { body: Carrier };
  /** Stored with the carrier or not at all. */
  others: GuardedWrite[];
  /** The document before it, when an intent leaves its list with this write; `anyway`: also without its audit line. */
  leaving: (AuditedDocument & { anyway: boolean }) | null;
}

/**
 * What became of it. `committed`: stored, now or by an earlier attempt, at this revision; `at` is the stored intent's
 * own time when it was found by reading (an equal request elsewhere may have stored it), else null. `moved`: the subject has
 * changed without it, and it can never be stored any more. `mismatch`: its intent id is there with another body.
 * `full`: refused, nothing stored. `unknown`: neither was seen within the budget.
 */
export type CommitResult =
  | { kind: 'committed'; revision: number; at: number | null; attempts: number }
  | { kind: 'moved'; subject: string }
  | { kind: 'mismatch' }
  | { kind: 'full' }
  | { kind: 'unknown' };

/** What a commit runs on. */
export interface CommitOptions {
  log: DesiredLog;
  clock: Clock;
  /** After this time without certainty the answer is `unknown`. */
  budgetMs: number;
  newBatchId: () => string;
  random: () => number;
}

/** Pause between attempts: full jitter up to this. Short, since every second counts against the client's patience. */
const pause = { baseMs: 25, maxMs: 1000 };

/**
 * The commit protocol (design §3.2). Publishes; after any answer that is not a PubAck it reads the leader's last message
 * and publishes the identical documents again until either its own intent or somebody else's write is seen. Every write
 * carries its expected sequence, so that of many copies at most one is stored.
 */
export async function commitIntent(intent: PreparedIntent, options: CommitOptions): Promise<CommitResult> {
  const { clock, budgetMs } = options;
  const deadline = clock.monotonic() + budgetMs;
  try {
    return await within(attemptUntil(deadline, intent, options), budgetMs, { clock });
  } catch (error) {
    if (error instanceof OverdueError) return { kind: 'unknown' };
    throw error;
  }
}

async function attemptUntil(deadline: number, intent: PreparedIntent, options: CommitOptions): Promise<CommitResult> {
  const { clock, log } = options;
  let doubted = false;
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await log.write([...intent.others, intent.carrier], options.newBatchId());
    if (outcome.kind === 'stored')
      return { kind: 'committed', revision: revisionOf(outcome, intent), at: null, attempts: attempt + 1 };
    const verdict = await look(log, intent);
    if (verdict.kind === 'mine') return { ...verdict, kind: 'committed', attempts: attempt + 1 };
    if (verdict.kind === 'moved' || verdict.kind === 'mismatch') return verdict;
    doubted ||= outcome.kind === 'doubtful';
    // The only attempt was refused for certain: that it is not in a list that has been cut is then no doubt.
    if (verdict.kind === 'unprovable' && outcome.kind === 'conflict' && !doubted) return { ...verdict, kind: 'moved' };
    if (outcome.kind === 'full' && !doubted) return { kind: 'full' };
    const waitMs = fullJitter(attempt, { ...pause, random: options.random });
    if (clock.monotonic() + waitMs >= deadline) return { kind: 'unknown' };
    await clock.sleep(waitMs);
  }
}

function revisionOf(outcome: WriteOutcome & { kind: 'stored' }, intent: PreparedIntent): number {
  return outcome.seqs[intent.others.length] ?? 0;
}

/**
 * The other subjects are read before the carrier: if one of them has moved on because of this very batch, the carrier
 * that is read afterwards shows it.
 */
async function look(log: DesiredLog, intent: PreparedIntent): Promise<IntentVerdict> {
  try {
    const others = await Promise.all(intent.others.map(({ subject }) => log.last(subject)));
    const carrier = await log.last(intent.carrier.subject);
    const verdict = judgeIntent(intent, carrier);
    const moved = intent.others.find(({ expectedSeq }, index) => (others[index]?.seq ?? 0) !== expectedSeq);
    return verdict.kind === 'nothing' && moved !== undefined ? { kind: 'moved', subject: moved.subject } : verdict;
  } catch {
    return { kind: 'nothing' };
  }
}
