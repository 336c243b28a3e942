import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { TestStack } from '../test-stack.ts';
import { openLongStreams, type LongStreams } from './long-streams.ts';

/** What happens in the middle of a drain: what is cut or paused stays so for a time, what is killed comes back at once. */
export const faults = ['none', 'redis killed', 'nats cut', 'router paused', 'api server killed'] as const;

/** One of them. */
export type Fault = (typeof faults)[number];

/** Why replicas drain: fewer are asked for, or other ones. */
export const changes = ['scaled down', 'rolled'] as const;

/** One drain. */
export interface DrainCase {
  change: (typeof changes)[number];
  fault: Fault;
  faultMs: number;
}

/** Requests in flight on draining replicas, as the API tells it: null is unknown. */
type Told = number | null | 'no drain' | 'no answer';

/** What became of the streams that were open. */
export interface DrainOutcome {
  streams: number;
  /** Those that were still open when the fault was over: they have met all of it. */
  outlasting: number;
  /** Those that did not end as they should. */
  truncated: ReturnType<LongStreams['truncated']>;
  frames: number;
  /** When the fault struck, and every half second until it was over. */
  told: Told[];
  /** From the change until the last stream had ended, and until the last replica that was to go was gone. */
  streamedMs: number;
  drainedMs: number;
}

const replicasBefore = 4;
/** Streams go on for this long after a fault, milliseconds. */
const marginMs = 20_000;
const patience = { timeoutMs: 60_000 };

/** Opens streams through both routers, drains replicas under them, and has a fault strike in the middle. */
export async function drainUnder(fairway: TestStack, { change, fault, faultMs }: DrainCase): Promise<DrainOutcome> {
  const made = await fairway.create(`${change}-${fault}`.replaceAll(' ', '-'), replicasBefore);
  const { id } = made.dedicated_inference;
  await fairway.untilActive(id, replicasBefore);
  const old = new Set((await fairway.replicas(id)).map((replica) => replica.id));
  const streams = await openLongStreams(fairway, made.token.value ?? '', faultMs + marginMs);

  const startedAt = performance.now();
  await begin(fairway, id, change);
  const told: Told[] = [await eventually(() => inflightOn(fairway, id), patience)];
  const outlasting = await strike(fairway, fault, async () => {
    for (const overAt = performance.now() + faultMs; performance.now() < overAt;) {
      await systemClock.sleep(500);
      told.push(await toldOf(fairway, id));
    }
    return streams.open();
  });
  await streams.ended;
  const streamedMs = performance.now() - startedAt;
  const stay = change === 'scaled down' ? 1 : 0;
  await eventually(async () => {
    const left = (await fairway.replicas(id)).filter((replica) => old.has(replica.id));
    if (left.length > stay) throw new Error(`${left.length} of the old replicas are still there`);
  }, patience);
  const drainedMs = performance.now() - startedAt;
  await fairway.api('DELETE', `/${id}`);
  const [truncated, frames] = [streams.truncated(), streams.frames()];
  return { streams: streams.count, outlasting, truncated, frames, told, streamedMs, drainedMs };
}

async function begin(fairway: TestStack, id: string, change: DrainCase['change']): Promise<void> {
  const [scale, slug] = change === 'scaled down' ? [1, 'gpu-h100x1-80gb'] : [replicasBefore, 'gpu-mi300x1-192gb'];
  const accelerators = [{ scale, type: 'prefill_decode', accelerator_slug: slug }];
  const body = { spec: { model_deployments: [{ accelerators }] } };
  const { status, body: said } = await fairway.api('PATCH', `/${id}`, { headers: { 'if-match': '*' }, body });
  if (status !== 202) throw new Error(`PATCH answered ${status}: ${JSON.stringify(said)}`);
}

/** @throws while nothing is told to be in flight on a draining replica. */
async function inflightOn(fairway: TestStack, id: string): Promise<number> {
  const told = await toldOf(fairway, id);
  if (typeof told !== 'number' || told === 0) throw new Error(`in flight on draining replicas: ${told}`);
  return told;
}

async function toldOf(fairway: TestStack, id: string): Promise<Told> {
  const resource = await fairway.get(id).catch(() => undefined);
  if (resource === undefined) return 'no answer';
  return resource.draining === undefined ? 'no drain' : resource.draining.inflight;
}

/** Has a fault strike, and ends it when `meanwhile` is over, whichever way. */
async function strike<T>(fairway: TestStack, fault: Fault, meanwhile: () => Promise<T>): Promise<T> {
  // Every connection of what is paused stays, and nothing comes: nobody is told of the cut.
  const paused = { 'nats cut': 'nats', 'router paused': 'router-2' }[fault as string];
  const killed = { 'redis killed': 'redis', 'api server killed': 'cluster' }[fault as string];
  if (killed !== undefined) fairway.kill(killed);
  const pid = paused === undefined ? undefined : await fairway.pause(paused);
  try {
    return await meanwhile();
  } finally {
    if (pid !== undefined) process.kill(pid, 'SIGCONT');
  }
}
