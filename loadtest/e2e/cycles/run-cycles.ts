import { edgeStreams, streams } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { stackPlace } from '#loadtest/stack/stack-place.ts';
import { startTestStack, type TestStack } from '../test-stack.ts';
import { countProcesses, countStores, type ProcessCensus, type StoreCensus } from './census.ts';

/** How much is done. */
export interface CyclesPlan {
  cycles: number;
  /** Cycles under way at once. */
  clients: number;
}

/** The stores before, after the last cycle, and when all that has an end has come to it; processes at each fifth. */
export interface CyclesReport {
  seconds: number;
  before: StoreCensus;
  after: StoreCensus;
  expired: StoreCensus;
  processes: { at: string; census: ProcessCensus[] }[];
}

const nanosPerMs = 1_000_000;

/** The age at which messages leave, at the end of a run: a second instead of hours, days or months. */
const shortMs = 1000;

/**
 * Creates an endpoint, deletes it at once, and waits until it is not found, again and again, through a whole stack: what
 * is deleted is torn down by the provisioner and released by the API.
 */
export async function runCycles({ cycles, clients }: CyclesPlan): Promise<CyclesReport> {
  await using fairway = await startTestStack({ regionals: 1, provisioners: 1, timeScale: 0.1 });
  const { stack } = fairway;
  await using nats = await connectNats({ url: stack.plan.nats.url, name: 'cycles', log: silentLogger() });
  await runBatch(fairway, { name: 'warm', cycles: 2 * clients, clients });
  await shorten(nats);
  await lengthen(nats);
  const before = await countStores(stack, nats);
  const processes = [{ at: 'start', census: await countProcesses(stack) }];
  const startedAt = performance.now();
  for (let fifth = 1; fifth <= 5; fifth += 1) {
    const upTo = Math.round((fifth * cycles) / 5) - Math.round(((fifth - 1) * cycles) / 5);
    await runBatch(fairway, { name: `fifth-${fifth}`, cycles: upTo, clients });
    processes.push({ at: `${fifth * 20} %`, census: await countProcesses(stack) });
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const after = await countStores(stack, nats);
  await shorten(nats);
  const expired = await countStores(stack, nats);
  await lengthen(nats);
  processes.push({ at: 'expired', census: await countProcesses(stack) });
  await runBatch(fairway, { name: 'last', cycles: 1, clients: 1 });
  return { seconds, before, after, expired, processes };
}

async function runBatch(
  fairway: TestStack,
  { name, cycles, clients }: { name: string; cycles: number; clients: number },
): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < cycles) {
      next += 1;
      const { dedicated_inference: endpoint } = await fairway.create(`${name}-${next}`, 1);
      const path = `/${endpoint.id}`;
      const deleted = await fairway.api('DELETE', path);
      if (deleted.status !== 202) throw new Error(`DELETE answered ${deleted.status}`);
      const isGone = async (): Promise<void> => {
        const { status, body } = await fairway.api('GET', path);
        if (status !== 404) throw new Error(`${status}: ${JSON.stringify(body)}`);
      };
      await eventually(isGone, { timeoutMs: 120_000, everyMs: 250 });
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

const aged = [streams.desired, streams.status, streams.edge, streams.events, streams.audit] as const;
const mirrors = [edgeStreams.access(stackPlace.vpcId), edgeStreams.pools(stackPlace.vpcId)] as const;

/** Lets everything that is there leave by age, markers of deletions included, and waits until it has. */
async function shorten(nats: Nats): Promise<void> {
  const age = { max_age: shortMs * nanosPerMs, duplicate_window: shortMs * nanosPerMs };
  for (const stream of aged) {
    const marks = 'markerTtlMs' in stream ? { subject_delete_marker_ttl: shortMs * nanosPerMs } : {};
    await nats.jsm.streams.update(stream.name, { ...age, ...marks });
  }
  for (const { name } of mirrors) await nats.jsm.streams.update(name, { max_age: age.max_age });
  await eventually(
    async () => {
      for (const { name } of [...aged, ...mirrors]) {
        const { messages } = (await nats.jsm.streams.info(name)).state;
        if (messages > 0) throw new Error(`${messages} messages are left in ${name}`);
      }
    },
    { timeoutMs: 120_000, everyMs: 500 },
  );
}

/** As they were. */
async function lengthen(nats: Nats): Promise<void> {
  for (const { name } of mirrors) await nats.jsm.streams.update(name, { max_age: 0 });
  for (const stream of aged) {
    const ageMs = 'maxAgeMs' in stream ? stream.maxAgeMs : 0;
    await nats.jsm.streams.update(stream.name, {
      max_age: ageMs * nanosPerMs,
      duplicate_window: 120_000 * nanosPerMs,
      ...('markerTtlMs' in stream && { subject_delete_marker_ttl: stream.markerTtlMs * nanosPerMs }),
    });
  }
}
