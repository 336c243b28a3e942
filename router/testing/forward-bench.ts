import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { Registry } from 'prom-client';
import type { Clock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { poolDocument } from '#shared/testing/documents.ts';
import { BodyRoom } from '../admit/body-room.ts';
import { SharedRoom } from '../admit/shared-room.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { chatCompletions } from '../dialects/openai/routes.ts';
import { forward, type ForwardOutcome } from '../forward/forward.ts';
import type { LossReason } from '../forward/outcome.ts';
import { noScores } from '../pick/pick-scores.ts';
import type { Picker } from '../pick/picker.ts';
import type { Placer } from '../pick/placer.ts';
import { PoolWait } from '../pick/pool-wait.ts';
import { BookedSlot } from '../pick/slot.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { InferenceRequest } from '../request/inference-request.ts';
import { RouterMetrics } from '../request/record/metrics.ts';
import { RouteLog } from '../forward/route-log.ts';
import { OpenReplies } from '../request/open-replies.ts';
import { Scanner } from '../scan/scanner.ts';
import { MemoryOutgoing } from './memory-outgoing.ts';
import { MemoryUpstream, type UpstreamStep } from './memory-upstream.ts';

/** A scripted answer per replica; a list of lists answers one attempt after the other. */
export type Scripts = Readonly<Record<string, readonly UpstreamStep[] | readonly (readonly UpstreamStep[])[]>>;

/** One request through `forward`, with everything around it in memory. */
export interface ForwardBench {
  readonly outgoing: MemoryOutgoing;
  readonly upstream: MemoryUpstream;
  readonly outcome: Promise<ForwardOutcome>;
  /** Remembers the one request. */
  readonly routes: RouteLog;
  readonly losses: LossReason[];
  readonly ends: [string, SlotEnd][];
  readonly request: InferenceRequest;
  /** Every attempt's, in order. */
  readonly booked: BookedSlot[];
  /** Slots that are held now, and how often one was given back. */
  readonly slots: { held: number; released: number };
  /** Something has changed: replicas that were lost for now may be asked again. */
  readonly changed: () => void;
}

/** What differs from a stream with usual times. */
export interface BenchOptions {
  readonly scripts: Scripts;
  readonly clock: Clock;
  readonly streamed?: boolean;
  readonly hideUsage?: boolean;
  /** Instead of a chat of the two flags above. */
  readonly body?: string;
  readonly dialect?: Dialect;
  readonly attemptsMax?: number;
  readonly room?: number;
  readonly memory?: BodyRoom;
  readonly answers?: SharedRoom;
}

/** Times of the bench, milliseconds. */
export const benchTimes = {
  heartbeatAfterMs: 5000,
  heartbeatMs: 10_000,
  clientStallTimeoutMs: 30_000,
  capacityTimeoutMs: 2000,
  firstTokenTimeoutMs: 60_000,
  tokenIdleTimeoutMs: 20_000,
  answerTimeoutMs: 100_000,
} as const;

/** Forwards one request to replicas that are tried in the order of the scripts. */
export function startForward(options: BenchOptions): ForwardBench {
  const { clock, scripts } = options;
  const outgoing = new MemoryOutgoing();
  outgoing.room = options.room ?? Number.POSITIVE_INFINITY;
  const tries = new Map<string, number>();
  const upstream = new MemoryUpstream(({ replicaId }) => {
    const attempt = tries.get(replicaId) ?? 0;
    tries.set(replicaId, attempt + 1);
    return stepsOf(scripts[replicaId] ?? [], attempt);
  });
  const request = requestOf(options, outgoing);
  if (request.streamed) request.reply.startHeartbeats();
  const losses: LossReason[] = [];
  request.record.note = ({ lostBy }) => void (typeof lostBy === 'string' && losses.push(lostBy as LossReason));
  const ends: [string, SlotEnd][] = [];
  const slots = { held: 0, released: 0 };
  const booked: BookedSlot[] = [];
  const { picker, changed } = pickerOf(Object.keys(scripts), { clock, ends, slots, booked });
  const metrics = new RouterMetrics(new Registry());
  const { attemptsMax = 3 } = options;
  const routes = new RouteLog('bench', 1, clock);
  const outcome = forward(request, { upstream, picker, routes, attemptsMax, times: benchTimes, metrics, clock });
  return { request, booked, outgoing, upstream, outcome, routes, losses, ends, slots, changed };
}

/** A request whose body has been read. */
function requestOf(options: BenchOptions, outgoing: MemoryOutgoing): InferenceRequest {
  const { clock, streamed = true, hideUsage = false, dialect = chatCompletions } = options;
  const incoming = new IncomingMessage(new Socket());
  const deps = {
    times: benchTimes,
    capacityTimeoutMaxMs: 600_000,
    memory: options.memory ?? new BodyRoom({ bytes: 1e6, firstReadBytes: 0, waitMs: 0 }, clock),
    answers: options.answers ?? new SharedRoom(1e7),
    replies: new OpenReplies(),
    metrics: new RouterMetrics(new Registry()),
    clock,
    log: silentLogger(),
    newId: () => 'req_1',
    hashKey: Buffer.alloc(32),
  };
  const request = new InferenceRequest(deps, dialect, { incoming, outgoing });
  const usage = streamed && !hideUsage ? { stream_options: { include_usage: true } } : {};
  const body = Buffer.from(options.body ?? JSON.stringify({ model: 'test-model', stream: streamed, ...usage }));
  const scanner = new Scanner(dialect.body);
  scanner.write(body);
  const scan = scanner.end();
  if (!scan.ok) throw new Error(scan.code);
  request.body.belongTo('endpoint');
  request.body.add(body);
  const pool = poolDocument();
  const grant = { endpointId: pool.endpointId, team: pool.team, group: undefined, tokenId: 'token' };
  request.accept(scan, { caller: { kind: 'token', ...grant }, pool });
  return request;
}

function pickerOf(
  ids: readonly string[],
  { clock, ends, slots, booked }: Pick<ForwardBench, 'ends' | 'slots' | 'booked'> & { clock: Clock },
): { picker: Picker; changed: () => void } {
  const down = new Set<string>();
  const { capacityTimeoutMs } = benchTimes;
  const limits = { inFlightMax: 4, queueMax: 4, queueBytesMax: 400, turnTimeoutMs: 1000, capacityTimeoutMs };
  const place: Placer['place'] = (work, { tried, excluded }) => {
    const replicaId = ids.find((id) => !excluded.has(id) && !down.has(id));
    if (replicaId === undefined) return undefined;
    slots.held += 1;
    const where = { name: replicaId, address: '127.0.0.1', port: 1, revision: 'r', state: 'ready' } as const;
    const slot = new BookedSlot(
      { replica: { replicaId, ...where }, reason: 'first', scores: noScores, predictedCachedTokens: 0 },
      {
        ended: (end) => {
          tried.note(replicaId, end, clock.monotonic());
          ends.push([replicaId, end]);
          if (end.kind === 'failed' && end.failure === 'connect') down.add(replicaId);
        },
        release: () => {
          slots.held -= 1;
          slots.released += 1;
          wait.released(work.pool);
        },
      },
    );
    booked.push(slot);
    return slot;
  };
  const wait = new PoolWait({ stateOf: () => 'serving', startOf: () => undefined, place }, limits, { clock });
  const picker: Picker = {
    acquire: (work, signal, tried) => wait.acquire(work, signal, tried),
    keptAt: () => Promise.resolve(undefined),
    isServing: () => ids.length > down.size,
  };
  return { picker, changed: () => wait.changed() };
}

function stepsOf(script: Scripts[string], attempt: number): readonly UpstreamStep[] {
  const rounds = script.filter((one): one is readonly UpstreamStep[] => Array.isArray(one));
  if (rounds.length > 0) return rounds[attempt] ?? [];
  return script.filter((one): one is UpstreamStep => !Array.isArray(one));
}
