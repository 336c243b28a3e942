/**
 * Run: node router/scrape/testing/fleet-looks.bench.ts
 *
 * Prints how often an engine is asked for its metrics per second, by 1, 4 and 8 routers' scrapers on a real Redis channel,
 * beside the same ones with no channel: each for itself. Eight engines on real sockets, 12 s each after the routers have met.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { startRedisServer } from '#shared/testing/redis-server.ts';
import { RedisLedgerChannel } from '../../ledger/redis-ledger-channel.ts';
import { ReplicaTable } from '../../replicas/replica-table.ts';
import { FleetLooks } from '../fleet-looks.ts';
import { Scraper } from '../scraper.ts';
import { recordedMetrics } from './recorded-metrics.ts';

const everyMs = 1000;
const measuredMs = 12_000;
const engines = 8;
const vpcId = poolDocument().vpcId;
const log = silentLogger();
const clock = systemClock;

await using redis = await startRedisServer();
await using engine = createServer((request, response) => {
  if (request.url === '/metrics') looks += 1;
  response.end(request.url === '/metrics' ? recordedMetrics('vllm-0.32.0.txt') : '');
}).listen(0, '127.0.0.1');
await once(engine, 'listening');
const { port } = engine.address() as AddressInfo;
const pool = poolDocument({ replicas: Array.from({ length: engines }, () => replicaAt(port)) });
pool.engine = { ...pool.engine, adapter: 'vllm' };
let looks = 0;

for (const routers of [1, 4, 8]) {
  const [together, apart] = [await perSecond(routers, redis.url), await perSecond(routers, 'redis://127.0.0.1:1')];
  process.stdout.write(`${routers} routers: ${together} looks per replica and second; each for itself ${apart}\n`);
}

async function perSecond(routers: number, url: string): Promise<string> {
  await using stack = new AsyncDisposableStack();
  for (let number = 0; number < routers; number++) startRouter(stack, `bench-${number}`, url);
  await clock.sleep(4 * everyMs);
  looks = 0;
  const startedAt = clock.monotonic();
  await clock.sleep(measuredMs);
  return (((looks / engines) * 1000) / (clock.monotonic() - startedAt)).toFixed(2);
}

/** As much of a router as looks at replicas. */
function startRouter(stack: AsyncDisposableStack, router: string, url: string): void {
  const table = new ReplicaTable({ router, epoch: 1 });
  const channel = stack.use(new RedisLedgerChannel({ url, vpcId, router, epoch: 1, clock, log }));
  channel.subscribe((message) => {
    if (message.kind === 'row') table.receive(message.row, clock.monotonic(), message.ageMs);
  });
  channel.publish({ kind: 'row', from: router, row: table.row(clock.monotonic()), ageMs: 0 });
  const looking = { router, everyMs, channel, doubts: () => false, heard: () => {}, clock };
  const shared = stack.use(new FleetLooks({ ...looking, peers: () => table.peers().map((row) => row.router) }));
  const pools = { pools: () => [pool], everyMs, looks: shared, clock, log };
  const silent = { scraped: () => {}, cacheNews: () => undefined, isSuspect: () => false, counted: () => {} };
  stack.use(new Scraper({ ...pools, ...silent }));
}
