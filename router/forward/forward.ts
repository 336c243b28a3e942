import { AppError } from '#shared/contract/errors.ts';
import type { AttemptOutcome, Loss, LossReason } from './attempt.ts';
import type { Placement, Slot, Work } from '../pick/picker.ts';
import { StreamAttempt, type AttemptContext } from './stream-attempt.ts';
import type { Upstream } from './upstream.ts';
import { WholeAttempt } from './whole-attempt.ts';

/** A request on its way to a replica. */
export interface Job extends AttemptContext {
  readonly work: Work;
  readonly streamed: boolean;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes to send; asked for at each attempt. */
  readonly body: () => readonly Uint8Array[];
  /** Called for each attempt, when it has a replica. */
  readonly placed: (slot: Slot) => void;
  /** Called for each attempt that came to nothing. */
  readonly lost: (loss: Loss, slot: Slot) => void;
}

/** What forwarding needs; times in milliseconds. */
export interface ForwardDeps {
  readonly upstream: Upstream;
  readonly placement: Placement;
  readonly attemptsMax: number;
  readonly capacityTimeoutMs: number;
}

/** What a request has met so far: replicas that are not asked again, or not at once, and its wait for capacity. */
interface Trials {
  readonly forGood: Set<string>;
  readonly forNow: Set<string>;
  waitedMs: number;
}

/** Losses that a restart of the replica explains. */
const passing: ReadonlySet<LossReason> = new Set(['connect', 'reset', 'protocol', 'truncated']);

/** How it ended: as the last attempt did, or without a replica. */
export type ForwardOutcome = AttemptOutcome | { readonly kind: 'unplaced' };

/**
 * Tries replicas, one after the other, until one answers: acquire, send, release, maybe the next. Nothing of a failed
 * attempt is seen by the client. When all is tried, the client gets what the last engine said, or a plain error.
 */
export async function forward(job: Job, deps: ForwardDeps): Promise<ForwardOutcome> {
  const trials: Trials = { forGood: new Set(), forNow: new Set(), waitedMs: 0 };
  let last: Loss | undefined;
  for (let attempt = 0; attempt < deps.attemptsMax; attempt += 1) {
    using slot = await acquire(job, deps, { trials, wait: last?.answer === undefined });
    if (slot === undefined) break;
    const outcome = await runOn(slot, job, deps.upstream);
    settleSlot(slot, outcome);
    if (outcome.kind === 'answered') job.reply.sendAnswer(outcome.answer);
    if (outcome.kind !== 'lost') return outcome;
    job.lost(outcome, slot);
    (passing.has(outcome.reason) ? trials.forNow : trials.forGood).add(slot.replica.replicaId);
    last = outcome;
  }
  if (job.reply.gone.aborted) return { kind: 'cancelled' };
  if (last?.answer !== undefined) job.reply.sendAnswer(last.answer);
  else job.reply.sendError(failureOf(last));
  return last ?? { kind: 'unplaced' };
}

/**
 * Waits for a replica, within the clock of capacity. One that was lost for now, say because it restarts, is asked again
 * when nobody else is there and something has changed.
 */
async function acquire(
  job: Job,
  { placement, capacityTimeoutMs }: ForwardDeps,
  { trials, wait }: { trials: Trials; wait: boolean },
): Promise<Slot | undefined> {
  const { clock, reply, work } = job;
  let slot = placement.place(work, trials.forGood.union(trials.forNow));
  while (slot === undefined && wait && trials.waitedMs < capacityTimeoutMs && !reply.gone.aborted) {
    const from = clock.monotonic();
    await placement.changed(capacityTimeoutMs - trials.waitedMs, reply.gone);
    trials.waitedMs += clock.monotonic() - from;
    if (!reply.gone.aborted) slot = placement.place(work, trials.forGood);
  }
  return slot;
}

/** One replica: once, and once more on a new connection when an old one ended under the request. */
async function runOn(slot: Slot, job: Job, upstream: Upstream): Promise<AttemptOutcome> {
  job.placed(slot);
  const outcome = await runOnce(slot, job, { upstream, fresh: false });
  if (outcome.kind !== 'lost' || outcome.reason !== 'reset' || !outcome.reusedSocket) return outcome;
  return runOnce(slot, job, { upstream, fresh: true });
}

function runOnce(
  slot: Slot,
  job: Job,
  { upstream, fresh }: { upstream: Upstream; fresh: boolean },
): Promise<AttemptOutcome> {
  const attempt = job.streamed ? new StreamAttempt(job) : new WholeAttempt(job);
  const { path, headers } = job;
  attempt.follow(upstream.send(slot.replica, { path, headers, body: job.body(), fresh }, attempt));
  return attempt.outcome;
}

function settleSlot(slot: Slot, outcome: AttemptOutcome): void {
  if (outcome.kind === 'done') slot.ended({ kind: 'answered', usage: outcome.usage });
  else if (outcome.kind === 'answered') slot.ended({ kind: 'answered', usage: undefined });
  else if (outcome.kind === 'broken') slot.ended({ kind: 'failed', failure: 'failed' });
  else if (outcome.kind === 'cancelled') slot.ended({ kind: 'left' });
  else if (outcome.reason === 'connect' || outcome.reason === 'unauthorized')
    slot.ended({ kind: 'failed', failure: outcome.reason });
  else if (outcome.answer?.status !== 429) slot.ended({ kind: 'failed', failure: 'failed' });
}

function failureOf(last: Loss | undefined): AppError {
  if (last === undefined || last.reason === 'unauthorized') return new AppError('no_replica', { retryAfterMs: 5000 });
  if (last.reason === 'timeout')
    return new AppError('timeout', { message: `The model server did not answer: ${last.detail}.` });
  return new AppError('upstream_error', { message: `The model server failed: ${last.detail}.` });
}
