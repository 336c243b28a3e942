import { AppError } from '#shared/contract/errors.ts';
import type { AttemptOutcome, Loss, LossReason } from './attempt.ts';
import type { Picker, Slot, Work } from '../pick/picker.ts';
import { Tried } from '../pick/tried.ts';
import type { SlotEnd, SlotFailure } from '../replicas/slot-end.ts';
import { StreamAttempt, type AttemptContext } from './stream-attempt.ts';
import type { Upstream, UpstreamHandler } from './upstream.ts';
import { WholeAttempt } from './whole-attempt.ts';

/** A request on its way to a replica. */
export interface Job extends AttemptContext {
  readonly work: Work;
  readonly streamed: boolean;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes to send; asked for at each attempt. */
  readonly body: () => readonly Uint8Array[];
  /** Called for each attempt, when it has a replica; `waitedMs` is what the request has waited so far. */
  readonly placed: (slot: Slot, waitedMs: number) => void;
  /** Called for each attempt that came to nothing. */
  readonly lost: (loss: Loss, slot: Slot) => void;
}

/** What forwarding needs. */
export interface ForwardDeps {
  readonly upstream: Upstream;
  readonly picker: Picker;
  readonly attemptsMax: number;
}

/** How it ended: as the last attempt did, or without a replica. */
export type ForwardOutcome = AttemptOutcome | { readonly kind: 'unplaced'; readonly error: unknown };

/**
 * Tries replicas, one after the other, until one answers: acquire, send, release, maybe the next. Nothing of a failed
 * attempt is seen by the client. When all is tried, the client gets what the last engine said, or a plain error.
 */
export async function forward(job: Job, deps: ForwardDeps): Promise<ForwardOutcome> {
  const tried = new Tried();
  let last: Loss | undefined;
  for (let attempt = 0; attempt < deps.attemptsMax; attempt += 1) {
    const acquired = await acquire(job, deps.picker, tried);
    if ('error' in acquired && last === undefined) return unplaced(job, acquired.error);
    if ('error' in acquired) break;
    using slot = acquired;
    job.placed(slot, tried.waitedMs.replica + tried.waitedMs.turn);
    const outcome = await runOn(slot, job, deps.upstream);
    slot.ended(endOf(outcome));
    if (outcome.kind === 'answered') job.reply.sendAnswer(outcome.answer);
    if (outcome.kind !== 'lost') return outcome;
    job.lost(outcome, slot);
    last = outcome;
  }
  if (job.reply.gone.aborted) return { kind: 'cancelled' };
  if (last?.answer !== undefined) job.reply.sendAnswer(last.answer);
  else job.reply.sendError(failureOf(last));
  return last ?? { kind: 'cancelled' };
}

async function acquire({ work, reply }: Job, picker: Picker, tried: Tried): Promise<Slot | { error: unknown }> {
  try {
    return await picker.acquire(work, reply.gone, tried);
  } catch (error) {
    return { error };
  }
}

function unplaced({ reply }: Job, error: unknown): ForwardOutcome {
  if (reply.gone.aborted) return { kind: 'cancelled' };
  reply.sendError(error);
  return { kind: 'unplaced', error };
}

/** One replica: once, and once more on a new connection when an old one ended under the request. */
async function runOn(slot: Slot, job: Job, upstream: Upstream): Promise<AttemptOutcome> {
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
  attempt.follow(upstream.send(slot.replica, { path, headers, body: job.body(), fresh }, heardBy(slot, attempt)));
  return attempt.outcome;
}

/** Tells the slot what comes from its replica. */
function heardBy(slot: Slot, handler: UpstreamHandler): UpstreamHandler {
  return {
    onHead: (head) => {
      if (head.status < 300) slot.accepted();
      handler.onHead(head);
    },
    onData: (chunk) => {
      slot.heard();
      handler.onData(chunk);
    },
    onEnd: () => handler.onEnd(),
    onFailure: (failure) => handler.onFailure(failure),
  };
}

/** What an attempt's end says of its replica. */
function endOf(outcome: AttemptOutcome): SlotEnd {
  switch (outcome.kind) {
    case 'done':
      return { kind: 'answered', usage: outcome.usage };
    case 'answered':
      return { kind: 'answered', usage: undefined };
    case 'cancelled':
      return { kind: 'left' };
    case 'broken':
      return lossOf(outcome.reason);
    case 'lost':
      return outcome.answer?.status === 429 || outcome.answer?.status === 503
        ? { kind: 'refused' }
        : lossOf(outcome.reason);
  }
}

function lossOf(reason: LossReason): SlotEnd {
  const failure: SlotFailure | undefined = reason === 'status' || reason === 'error_frame' ? undefined : reason;
  return failure === undefined ? { kind: 'faulted' } : { kind: 'failed', failure };
}

function failureOf(last: Loss | undefined): AppError {
  if (last === undefined || last.reason === 'unauthorized') return new AppError('no_replica', { retryAfterMs: 5000 });
  if (last.reason === 'timeout')
    return new AppError('timeout', { message: `The model server did not answer: ${last.detail}.` });
  return new AppError('upstream_error', { message: `The model server failed: ${last.detail}.` });
}
