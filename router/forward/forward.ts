import { AppError, toAppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Picker, Slot } from '../pick/picker.ts';
import { Tried } from '../pick/tried.ts';
import type { InferenceRequest } from '../request/inference-request.ts';
import type { RouterMetrics } from '../request/record/metrics.ts';
import type { RouteLog, RoutedRequest } from './route-log.ts';
import { Attempt, type AttemptTimes } from './attempt.ts';
import type { AttemptOutcome, Loss, LossReason } from './outcome.ts';
import { StreamAnswer } from './stream-answer.ts';
import type { Upstream } from './upstream.ts';
import { WholeAnswer } from './whole-answer.ts';

/** What forwarding needs. */
export interface ForwardDeps {
  readonly upstream: Upstream;
  readonly picker: Picker;
  readonly routes: RouteLog;
  readonly attemptsMax: number;
  readonly times: AttemptTimes;
  readonly metrics: RouterMetrics;
  readonly clock: Clock;
}

/** How it ended: as the last attempt did, or without a replica. `code` names the error that is counted. */
export type ForwardOutcome = (AttemptOutcome | { readonly kind: 'unplaced' }) & { readonly code?: string };

/** A request that killed so many replicas is not tried on another one. */
const killedMax = 2;
/** Losses that cost an engine nothing, and bar the replica: as many as there are replicas. `late` is bounded by itself. */
const uncounted: ReadonlySet<LossReason> = new Set(['connect', 'unauthorized', 'late']);
/** Headers of a client that every engine may see, beside those of the dialect. */
const passedHeaders = ['accept', 'accept-language', 'user-agent', 'traceparent', 'tracestate'];

/**
 * Tries replicas, one after the other, until one answers: acquire, send, release, maybe the next. Nothing of a failed
 * attempt is seen by the client. When all is tried, the client gets what the last engine said, or a plain error.
 */
export async function forward(request: InferenceRequest, deps: ForwardDeps): Promise<ForwardOutcome> {
  const { reply, work } = request;
  const tried = new Tried();
  const route = deps.routes.begin(request);
  let last: Loss | undefined;
  let unplaced: unknown;
  const attemptsMax = work.only === undefined ? deps.attemptsMax : 1;
  let attempts = 0;
  while (attempts < attemptsMax && tried.killed < killedMax) {
    const slot = await deps.picker.acquire(work, reply.gone, tried).catch((error: unknown) => void (unplaced = error));
    if (slot === undefined) break;
    using _slot = slot;
    notePlaced(request, slot, { tried, deps, route });
    const outcome = await runOn(slot, request, deps);
    slot.ended(outcome.end);
    deps.routes.ended(route, outcome);
    if (outcome.kind === 'answered') reply.sendAnswer(outcome.answer);
    if (outcome.kind !== 'lost') return { ...outcome, ...codeOf(request, outcome) };
    deps.metrics.losses.inc({ reason: outcome.reason });
    request.record.note({ lostOn: slot.replica.replicaId, lostBy: outcome.reason, detail: outcome.detail });
    if (work.only !== undefined || !uncounted.has(outcome.reason)) attempts += 1;
    last = outcome;
    if (!request.again()) break;
  }
  if (reply.gone.aborted) {
    route.code = 'client_gone';
    return { kind: 'cancelled', end: { kind: 'left' }, code: route.code };
  }
  const error = errorOf(last, unplaced);
  route.code = error.code;
  if (last?.answer !== undefined) reply.sendAnswer(last.answer);
  else reply.sendError(error);
  return { ...(last ?? { kind: 'unplaced' }), code: error.code };
}

/** One replica: once, and once more on a new connection when an old one ended under the request. */
async function runOn(slot: Slot, request: InferenceRequest, deps: ForwardDeps): Promise<AttemptOutcome> {
  const outcome = await runOnce(slot, request, { ...deps, fresh: false });
  return outcome.kind === 'lost' && outcome.again && request.again()
    ? runOnce(slot, request, { ...deps, fresh: true })
    : outcome;
}

function runOnce(
  slot: Slot,
  request: InferenceRequest,
  { upstream, clock, times, fresh }: ForwardDeps & { fresh: boolean },
): Promise<AttemptOutcome> {
  const { method } = request.dialect;
  const attempt = new Attempt(request, slot, clock);
  const taker = request.streamed ? new StreamAnswer(attempt, times) : new WholeAnswer(attempt, times);
  const path = `${slot.replica.basePath ?? ''}${request.target}`;
  const message = { method, path, headers: headersOf(request, slot), body: request.pieces, fresh };
  attempt.follow(upstream.send(slot.replica, message, attempt), taker);
  return attempt.outcome;
}

/** The client's headers by name, none of its credential or its hop's, and the router's own. */
function headersOf({ incoming, dialect, id, pool }: InferenceRequest, { replica }: Slot): Record<string, string> {
  const { upstreamKey: key = pool.upstreamKey } = replica;
  const headers: Record<string, string> = {};
  for (const name of [...passedHeaders, ...dialect.headers]) {
    const value = incoming.headers[name];
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return {
    ...headers,
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    // An address that another tenant's pod inherited answers 401 to it.
    ...(key !== '' && { authorization: `Bearer ${key}` }),
    'x-request-id': id,
  };
}

function notePlaced(
  request: InferenceRequest,
  slot: Slot,
  { tried, deps, route }: { tried: Tried; deps: ForwardDeps; route: RoutedRequest },
): void {
  const { replica, reason, predictedCachedTokens } = slot;
  const waitedMs = tried.waitedMs.replica + tried.waitedMs.turn;
  deps.metrics.queue.observe(waitedMs / 1000);
  deps.metrics.picks.inc({ reason });
  deps.routes.placed(route, slot, waitedMs);
  request.record.note({
    router: deps.routes.router,
    queueMs: Math.round(waitedMs),
    replicaId: replica.replicaId,
    reason,
    predictedCachedTokens,
  });
}

function codeOf(request: InferenceRequest, outcome: Exclude<AttemptOutcome, Loss>): { code?: string } {
  if (outcome.kind === 'done') return {};
  if (outcome.kind === 'cancelled') return { code: 'client_gone' };
  if (outcome.kind === 'answered') return { code: 'engine_refused' };
  request.record.note({ brokenBy: outcome.reason, detail: outcome.detail });
  return { code: 'upstream_disconnected' };
}

/** Losses after which a replica is not there any more, or never was the pool's. */
const away: ReadonlySet<LossReason> = new Set(['connect', 'reset', 'unauthorized', 'stalled', 'late']);

/** What the client is told when nobody could answer: never who was asked, or how it failed. */
function errorOf(last: Loss | undefined, unplaced: unknown): AppError {
  if (last?.reason === 'timeout')
    return new AppError('timeout', { message: 'The model server did not answer in time.' });
  if (last?.reason === 'local') return new AppError('overloaded', { retryAfterMs: 1000 });
  const isAway = last === undefined || away.has(last.reason);
  if (unplaced !== undefined && isAway) return toAppError(unplaced);
  const isGone = isAway && last?.reason !== 'reset';
  return isGone
    ? new AppError('no_replica', { retryAfterMs: 5000 })
    : new AppError('upstream_error', { retryAfterMs: 1000 });
}
