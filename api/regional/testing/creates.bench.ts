/**
 * Run: node api/regional/testing/creates.bench.ts [seconds] [clients]
 * Creates per second through one API process on a nats-server with `sync_interval: always`, beside raw atomic batches of
 * the same three documents at the same concurrency, and the API's CPU time per create. Takes turns, so that both see the
 * same machine.
 */
import { Pool } from 'undici';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { createBody } from './create-body.ts';
import { spawnRegionalApi } from './process.ts';
import { alphaToken, startTestRegion, testEnvironment, testVpcId } from './region-fixture.ts';

const seconds = Number(process.argv[2] ?? 4);
/** nats-server takes 50 batches at once: more clients would only measure its refusals. */
const clients = Math.min(48, Number(process.argv[3] ?? 32));
const rounds = 3;

await using server = await startRegionNats();
await using region = await startTestRegion({ natsUrl: server.url, apiNatsUrls: [] });
await using api = await spawnRegionalApi(await testEnvironment(server.url));
const pool = new Pool(api.url, { connections: clients, pipelining: 1 });

const template = await createOne('template').then((id) => documentsOf(region.nats, id));
await run('warm up', 1, (index) => createOne(`warm-${index}`));
const creates: number[] = [];
const batches: number[] = [];
let cpuMs = 0;
let count = 0;
for (let round = 0; round < rounds; round += 1) {
  const cpuBefore = await cpuSeconds(api.adminUrl);
  const made = await run('creates', seconds, (index) => createOne(`bench-${round}-${index}`));
  cpuMs += ((await cpuSeconds(api.adminUrl)) - cpuBefore) * 1000;
  count += made.count;
  creates.push(made.perSecond);
  const raw = await run('raw batches', seconds, (index) => writeRaw(region.nats, `${round}-${index}`));
  batches.push(raw.perSecond);
}
await pool.close();
const best = (values: number[]): number => Math.max(...values);
say({
  createsPerSecond: Math.round(best(creates)),
  rawBatchesPerSecond: Math.round(best(batches)),
  ratio: Number((best(creates) / best(batches)).toFixed(2)),
  apiCpuMsPerCreate: Number((cpuMs / count).toFixed(2)),
  createsPerCoreSecond: Math.round((1000 * count) / cpuMs),
  clients,
});

async function run(
  what: string,
  forSeconds: number,
  work: (index: number) => Promise<unknown>,
): Promise<{ count: number; perSecond: number }> {
  const startedAt = performance.now();
  let next = 0;
  let done = 0;
  const client = async (): Promise<void> => {
    while (performance.now() - startedAt < forSeconds * 1000) {
      next += 1;
      await work(next);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const perSecond = done / ((performance.now() - startedAt) / 1000);
  say({ what, count: done, perSecond: Math.round(perSecond) });
  return { count: done, perSecond };
}

async function createOne(name: string): Promise<string> {
  const reply = await pool.request({
    path: '/v2/dedicated-inferences',
    method: 'POST',
    headers: { authorization: `Bearer ${alphaToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(createBody(name)),
  });
  const body = await reply.body.text();
  if (reply.statusCode !== 202) throw new Error(`${reply.statusCode}: ${body}`);
  return /"id":"([0-9a-f-]{36})"/.exec(body)?.[1] ?? '';
}

async function documentsOf(nats: Nats, id: string): Promise<unknown[]> {
  const found = [subjects.spec(id), subjects.access(testVpcId, id), subjects.name('alpha', digest('template'))];
  return Promise.all(found.map(async (subject) => (await readLast(nats, streams.desired.name, subject))?.body));
}

async function writeRaw(nats: Nats, key: string): Promise<void> {
  const [spec, access, name] = template;
  const writes = [
    { subject: subjects.name('raw', digest(key)), body: name, expectedSeq: 0 },
    { subject: subjects.access(testVpcId, `raw-${key}`), body: access, expectedSeq: 0 },
    { subject: subjects.spec(`raw-${key}`), body: spec, expectedSeq: 0 },
  ];
  const outcome = await writeDocuments(nats, writes, `raw-${key}`);
  if (outcome.kind !== 'stored') throw new Error(`a raw batch: ${outcome.reason}`);
}

async function cpuSeconds(adminUrl: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(/^process_cpu_seconds_total\S* (\S+)/m.exec(text)?.[1] ?? Number.NaN);
}

function say(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
