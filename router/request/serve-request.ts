import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { within } from '#shared/runtime/within.ts';
import { authenticate, type Caller, type Gate } from '../access/authenticate.ts';
import type { BodyBudget } from './body-budget.ts';
import { BodyAbortedError, discardRest, RequestBody } from './request-body.ts';
import type { RouterConfig } from '../config.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { Exchange } from './request-log.ts';
import { ClientReply } from '../forward/client-reply.ts';
import { forward, type ForwardDeps, type ForwardOutcome, type Job } from '../forward/forward.ts';
import type { Slot, Work } from '../pick/picker.ts';
import { applySplices, planSplices } from '../forward/splice.ts';
import { upstreamHeaders } from '../forward/upstream-headers.ts';
import type { OpenReplies } from './open-replies.ts';
import type { RouterMetrics } from './metrics.ts';
import { choosePool, probeBody, readRequest } from './read-request.ts';
import { blockKeys } from '../scan/block-keys.ts';
import type { ScannedRequest } from '../scan/scan-result.ts';

/** Everything that a completion passes on its way. */
export interface CompletionDeps {
  readonly config: RouterConfig;
  readonly gate: Gate;
  readonly budget: BodyBudget;
  readonly forwarding: ForwardDeps;
  readonly replies: OpenReplies;
  readonly metrics: RouterMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
}

/** One request under way. */
interface Passage {
  readonly dialect: Dialect;
  readonly incoming: IncomingMessage;
  readonly exchange: Exchange;
  readonly reply: ClientReply;
  readonly body: RequestBody;
}

/** How long an unread body is read and thrown away after its answer, so that the answer is read and not a reset. */
const discardMs = 5000;
/** What a client may call its own request. */
const clientIdForm = /^[\x21-\x7e]{1,128}$/;

/** Serves one completion from its first byte to its last; never throws. */
export async function serveCompletion(
  deps: CompletionDeps,
  dialect: Dialect,
  { incoming, outgoing }: { incoming: IncomingMessage; outgoing: ServerResponse },
): Promise<void> {
  const exchange = openExchange(deps, dialect, incoming);
  using reply = openReply(deps, dialect, { outgoing, exchange });
  using _open = deps.replies.add(reply);
  using body = new RequestBody(deps.budget);
  let outcome: ForwardOutcome | undefined;
  let code: string | undefined;
  try {
    if (deps.replies.closing) await refuse(deps, incoming);
    outcome = await pass(deps, { dialect, incoming, exchange, reply, body });
    code = codeOf(outcome);
  } catch (error) {
    const left = error instanceof BodyAbortedError || reply.gone.aborted;
    code = left ? 'client_gone' : toAppError(error).code;
    if (!left && !(error instanceof AppError))
      deps.log.error({ err: error, requestId: exchange.requestId }, 'request.failed');
    reply.sendError(error);
  }
  if (reply.gone.aborted) code = String(reply.gone.reason);
  if (!incoming.complete) discardRest(incoming, deps.clock, discardMs);
  const left = reply.gone.aborted || !outgoing.headersSent;
  exchange.close(left ? 499 : outgoing.statusCode, code);
}

/** The connection ends with this answer: what the client still sends is read first, or it would see a reset instead. */
async function refuse({ replies, clock }: CompletionDeps, incoming: IncomingMessage): Promise<void> {
  discardRest(incoming, clock, discardMs);
  if (!incoming.complete) await within(once(incoming, 'end'), discardMs / 2, { clock }).catch(() => {});
  replies.assertOpen();
}

async function pass(deps: CompletionDeps, passage: Passage): Promise<ForwardOutcome> {
  const { config, gate, clock, budget } = deps;
  const { incoming, exchange, reply, body, dialect } = passage;
  const caller = authenticate(gate, incoming.headers, clock.now());
  exchange.note({ endpointId: caller.endpointId, ...(caller.kind === 'token' && { tokenId: caller.tokenId }) });
  const limits = { bytesMax: config.FAIRWAY_BODY_BYTES_MAX, timeoutMs: config.FAIRWAY_BODY_TIMEOUT_MS, budget, clock };
  const scan = await readRequest(incoming, dialect, { body, limits });
  const pool = choosePool(gate.pools, caller, scan.model);
  exchange.note({ pool: pool.pool, model: scan.model, stream: scan.stream === true, bodyBytes: body.bytes });
  if (scan.stream === true) reply.startHeartbeats();
  const job = makeJob(deps, passage, { scan, caller, pool });
  const outcome = await forward(job, deps.forwarding);
  if ('usage' in outcome && caller.kind === 'token') exchange.used(outcome.usage);
  return outcome;
}

function makeJob(
  { config, clock, metrics }: CompletionDeps,
  { dialect, incoming, exchange, reply, body }: Passage,
  { scan, caller, pool }: { scan: ScannedRequest; caller: Caller; pool: PoolDocument },
): Job {
  const bytes =
    caller.kind === 'proof' ? probeBody(body) : applySplices(body.pieces, planSplices(scan, pool.models[0]));
  let pieces: readonly Uint8Array[] = bytes;
  return {
    reply,
    dialect,
    clock,
    work: makeWork(incoming, body.bytes, { scan, caller, pool }),
    streamed: scan.stream === true,
    hideUsage: scan.includeUsage !== true,
    path: dialect.path,
    headers: upstreamHeaders(incoming.headers, { upstreamKey: pool.upstreamKey, requestId: exchange.requestId }),
    body: () => pieces,
    timeouts: {
      firstTokenTimeoutMs: config.FAIRWAY_FIRST_TOKEN_TIMEOUT_MS,
      tokenIdleTimeoutMs: config.FAIRWAY_TOKEN_IDLE_TIMEOUT_MS,
      answerTimeoutMs: config.FAIRWAY_ANSWER_TIMEOUT_MS,
    },
    marks: {
      committed: () => {
        pieces = [];
        body[Symbol.dispose]();
      },
      token: () => {
        if (scan.stream === true) exchange.token();
      },
    },
    placed: (slot, waitedMs) => {
      metrics.queue.observe(waitedMs / 1000);
      exchange.note({ queueMs: Math.round(waitedMs) });
      notePlaced(slot, exchange, metrics);
    },
    lost: (loss, slot) => {
      metrics.losses.inc({ reason: loss.reason });
      exchange.note({ lostOn: slot.replica.replicaId, lostBy: loss.reason });
    },
  };
}

function makeWork(
  incoming: IncomingMessage,
  bytes: number,
  { scan, caller, pool }: { scan: ScannedRequest; caller: Caller; pool: PoolDocument },
): Work {
  const session = incoming.headers['x-session-id'];
  const only = caller.kind === 'proof' ? (caller.payload.replicaId ?? undefined) : undefined;
  return {
    pool: pool.pool,
    flow: caller.kind === 'token' ? caller.tokenId : pool.pool,
    bytes,
    prompt: blockKeys(scan, { cacheNamespace: pool.prefixSalt ?? pool.upstreamKey, model: pool.models[0] ?? '' }),
    maxTokens: scan.maxTokens ?? 0,
    ...(typeof session === 'string' && session !== '' && { session }),
    ...(only !== undefined && { only }),
  };
}

function notePlaced(slot: Slot, exchange: Exchange, metrics: RouterMetrics): void {
  metrics.picks.inc({ reason: slot.reason });
  const { replica, reason, predictedCachedTokens } = slot;
  exchange.note({ replicaId: replica.replicaId, reason, predictedCachedTokens });
}

function openExchange(deps: CompletionDeps, dialect: Dialect, incoming: IncomingMessage): Exchange {
  const given = incoming.headers['x-request-id'];
  const clientRequestId = typeof given === 'string' && clientIdForm.test(given) ? given : undefined;
  const { clock, metrics, log } = deps;
  return new Exchange({ requestId: deps.newId(), clientRequestId, route: dialect.name, clock, metrics, log });
}

function openReply(
  { config, clock, replies }: CompletionDeps,
  dialect: Dialect,
  { outgoing, exchange }: { outgoing: ServerResponse; exchange: Exchange },
): ClientReply {
  return new ClientReply({
    outgoing,
    dialect,
    clock,
    heartbeatAfterMs: config.FAIRWAY_HEARTBEAT_AFTER_MS,
    heartbeatMs: config.FAIRWAY_HEARTBEAT_MS,
    clientStallTimeoutMs: config.FAIRWAY_CLIENT_STALL_TIMEOUT_MS,
    headers: () => ({ ...exchange.headers(), ...(replies.closing && { connection: 'close' }) }),
  });
}

/** The code under which a request that did not end well is counted. */
function codeOf(outcome: ForwardOutcome): string | undefined {
  if (outcome.kind === 'done') return undefined;
  if (outcome.kind === 'answered') return 'engine_refused';
  if (outcome.kind === 'broken') return 'upstream_disconnected';
  if (outcome.kind === 'cancelled') return 'client_gone';
  if (outcome.kind === 'unplaced') return toAppError(outcome.error).code;
  return outcome.reason === 'timeout' ? 'timeout' : 'upstream_error';
}
