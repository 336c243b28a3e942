/**
 * Run: node api/regional/testing/requests.bench.ts [seconds] [clients]
 * Rate, latency and CPU time of one API process, per request: creates with `sync_interval: always`, reads of one of 1,000
 * endpoints, and lists of them. Beside them, in turns in the same run, the least that each needs: a raw batch of a create's
 * documents, the two questions to leaders of a read, and a request that asks no store. TMPDIR says where NATS stores.
 */
import { loadavg } from 'node:os';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { BenchRegion } from './load/bench-region.ts';
import { closedLoop, type LoopResult } from './load/closed-loop.ts';

const seconds = Number(process.argv[2] ?? 4);
const clients = Number(process.argv[3] ?? 64);
const rounds = 3;
const endpointsMax = 1000;
/** nats-server takes 50 batches at once. */
const rawClients = Math.min(48, clients);

await using region = await BenchRegion.start(clients);
const ids: string[] = [];
while (ids.length < endpointsMax)
  ids.push(
    ...(await Promise.all(Array.from({ length: 50 }, (_, index) => region.create(`there-${ids.length + index}`)))),
  );

const idOf = (number: number): string => ids[(number * 7) % ids.length] ?? '';
const reads: { what: string; clients: number; work: (key: string, number: number) => Promise<unknown> }[] = [
  { what: 'a request that asks no store', clients, work: () => region.get('/v2/dedicated-inferences/sizes') },
  { what: 'get', clients, work: (_, number) => region.get(`/v2/dedicated-inferences/${idOf(number)}`) },
  { what: 'raw: two questions to leaders', clients, work: (_, number) => askLeaders(idOf(number)) },
  { what: 'list, 20 of 1,000', clients, work: () => region.get('/v2/dedicated-inferences?per_page=20') },
  { what: 'list, 200 of 1,000', clients, work: () => region.get('/v2/dedicated-inferences?per_page=200') },
  {
    what: 'get, one at a time',
    clients: 1,
    work: (_, number) => region.get(`/v2/dedicated-inferences/${idOf(number)}`),
  },
];
/** Afterwards: each create is one endpoint more in the lists. */
const writes: typeof reads = [
  { what: 'create', clients, work: (key) => region.create(key) },
  { what: 'raw: batch of a create', clients: rawClients, work: (key) => region.writeRaw(key) },
  { what: 'create, one at a time', clients: 1, work: (key) => region.create(key) },
];
const seen = new Map<string, (LoopResult & { cpuMs: number })[]>();
for (const works of [reads, writes]) for (let round = 0; round < rounds; round += 1) await takeTurns(works, round);

process.stdout.write(
  `${rounds} rounds of ${seconds} s in turns, load average ${loadavg().map(Math.round).join(' ')}\n\n`,
);
process.stdout.write(
  '| request | in flight | per second | p50 ms | p99 ms | CPU ms of the API each |\n|---|---|---|---|---|---|\n',
);
for (const { what, clients: inFlight } of [...reads, ...writes]) {
  const results = seen.get(what) ?? [];
  const range = (of: (result: LoopResult & { cpuMs: number }) => number): string => {
    const values = results.map(of);
    return `${Math.min(...values)}–${Math.max(...values)}`;
  };
  const cells = [
    what,
    inFlight,
    range(({ perSecond }) => perSecond),
    range(({ p50Ms }) => p50Ms),
    range(({ p99Ms }) => p99Ms),
    what.startsWith('raw') ? '' : range(({ cpuMs }) => cpuMs),
  ];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

async function takeTurns(works: typeof reads, round: number): Promise<void> {
  for (const { what, clients: inFlight, work } of works) {
    const before = await region.cpuMs();
    const key = `${what.replaceAll(/\W/g, '')}-${round}`;
    const result = await closedLoop({ clients: inFlight, seconds }, (number) => work(`${key}-${number}`, number));
    const cpuMs = Number((((await region.cpuMs()) - before) / result.count).toFixed(2));
    seen.set(what, [...(seen.get(what) ?? []), { ...result, cpuMs }]);
  }
}

async function askLeaders(id: string): Promise<void> {
  await readLast(region.nats, streams.status.name, subjects.status(id));
  await readLast(region.nats, streams.desired.name, subjects.spec(id));
}
