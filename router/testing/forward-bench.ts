import type { Clock } from '#shared/runtime/clock.ts';
import { chatCompletions } from '../dialects/chat-completions.ts';
import type { LossReason } from '../forward/attempt.ts';
import { ClientReply } from '../forward/client-reply.ts';
import { forward, type ForwardOutcome } from '../forward/forward.ts';
import { MemoryUpstream, type UpstreamStep } from '../forward/memory-upstream.ts';
import type { Picker } from '../pick/picker.ts';
import { PoolWait } from '../pick/pool-wait.ts';
import { BookedSlot } from '../pick/slot.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { MemoryOutgoing } from './memory-outgoing.ts';

/** A scripted answer per replica; a list of lists answers one attempt after the other. */
export type Scripts = Readonly<Record<string, readonly UpstreamStep[] | readonly (readonly UpstreamStep[])[]>>;

/** One request through `forward`, with everything around it in memory. */
export interface ForwardBench {
  readonly outgoing: MemoryOutgoing;
  readonly upstream: MemoryUpstream;
  readonly outcome: Promise<ForwardOutcome>;
  readonly losses: LossReason[];
  readonly ends: [string, SlotEnd][];
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
  readonly attemptsMax?: number;
  readonly room?: number;
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
  const { clock, scripts, streamed = true } = options;
  const outgoing = new MemoryOutgoing();
  outgoing.room = options.room ?? Number.POSITIVE_INFINITY;
  const tries = new Map<string, number>();
  const upstream = new MemoryUpstream(({ replicaId }) => {
    const attempt = tries.get(replicaId) ?? 0;
    tries.set(replicaId, attempt + 1);
    return stepsOf(scripts[replicaId] ?? [], attempt);
  });
  const { heartbeatAfterMs, heartbeatMs, clientStallTimeoutMs } = benchTimes;
  const times = { heartbeatAfterMs, heartbeatMs, clientStallTimeoutMs };
  const reply = new ClientReply({ outgoing, dialect: chatCompletions, clock, ...times, headers: () => ({}) });
  if (streamed) reply.startHeartbeats();
  const losses: LossReason[] = [];
  const ends: [string, SlotEnd][] = [];
  const slots = { held: 0, released: 0 };
  const { picker, changed } = pickerOf(Object.keys(scripts), { clock, ends, slots });
  const outcome = forward(
    {
      reply,
      dialect: chatCompletions,
      clock,
      work: {
        pool: 'p',
        flow: 'token',
        bytes: 2,
        prompt: { keys: new BigUint64Array(), bytesUpTo: new Float64Array(), firstUserEnd: -1 },
        maxTokens: 0,
      },
      streamed,
      hideUsage: options.hideUsage ?? false,
      path: '/v1/chat/completions',
      headers: {},
      body: () => [Buffer.from('{}')],
      timeouts: benchTimes,
      marks: { committed: () => {}, token: () => {} },
      placed: () => {},
      lost: ({ reason }) => losses.push(reason),
    },
    { upstream, picker, attemptsMax: options.attemptsMax ?? 3 },
  );
  return { outgoing, upstream, outcome, losses, ends, slots, changed };
}

function pickerOf(
  ids: readonly string[],
  { clock, ends, slots }: { clock: Clock; ends: [string, SlotEnd][]; slots: { held: number; released: number } },
): { picker: Picker; changed: () => void } {
  const down = new Set<string>();
  const { capacityTimeoutMs } = benchTimes;
  const limits = { inFlightMax: 4, queueMax: 4, queueBytesMax: 400, turnTimeoutMs: 1000, capacityTimeoutMs };
  const wait: PoolWait = new PoolWait(
    (work, tried, excluded) => {
      const replicaId = ids.find((id) => !excluded.has(id) && !down.has(id));
      if (replicaId === undefined) return undefined;
      slots.held += 1;
      const place = { name: replicaId, address: '127.0.0.1', port: 1, revision: 'r', state: 'ready' } as const;
      return new BookedSlot(
        { replica: { replicaId, ...place }, reason: 'first', predictedCachedTokens: 0 },
        {
          ended: (end) => {
            tried.note(replicaId, end);
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
    },
    limits,
    clock,
  );
  const picker: Picker = {
    acquire: (work, signal, tried) => wait.acquire(work, signal, tried),
    isServing: () => ids.length > down.size,
  };
  return { picker, changed: () => wait.changed() };
}

function stepsOf(script: Scripts[string], attempt: number): readonly UpstreamStep[] {
  const rounds = script.filter((one): one is readonly UpstreamStep[] => Array.isArray(one));
  if (rounds.length > 0) return rounds[attempt] ?? [];
  return script.filter((one): one is UpstreamStep => !Array.isArray(one));
}
