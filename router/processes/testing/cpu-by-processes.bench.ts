/**
 * Run: node router/processes/testing/cpu-by-processes.bench.ts [rounds]. Prints the CPU time that a request costs a router of one
 * process, of two, that which hands out connections counted in, and of two with a socket each: milliseconds, by turns, and the
 * medians of the ratios to the first; over kept connections, and with one for each request.
 */
import { systemClock } from '#shared/runtime/clock.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { startBenchRoute, startQuickUpstream, type BenchRoute } from './start-route.ts';
import { startSteadyLoad } from './steady-load.ts';

const rounds = Number(process.argv[2] ?? 6);
const roundMs = 3000;

await using upstream = await startQuickUpstream();
await using one = await startBenchRoute(upstream, 1);
await using two = await startBenchRoute(upstream, 2);
const port = String(await freePort());
await using apart = await startBenchRoute(upstream, 2, { FAIRWAY_REUSE_PORT: '1', FAIRWAY_PORT: port });
const routes = [one, two, apart];
for (const keeping of [1, 0]) {
  for (const route of routes) await measure(route, keeping);
  const costs: number[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    const cost: number[] = [];
    for (const route of routes) cost.push(await measure(route, keeping));
    costs.push(cost);
  }
  const told = costs.map((cost) => cost.map((ms) => ms.toFixed(3)).join('/')).join(' ');
  const ratios = [1, 2].map((at) => median(costs.map((cost) => (cost[at] ?? 0) / (cost[0] ?? 0))).toFixed(2));
  process.stdout.write(
    `${keeping === 1 ? 'kept connections' : 'a connection each'}: ${told} ms, ratios ${ratios.join(', ')}\n`,
  );
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** CPU milliseconds of a request under load, without what the router takes while nobody asks. */
async function measure(route: BenchRoute, keeping: number): Promise<number> {
  const at = [await cpuMs(route)];
  await systemClock.sleep(roundMs);
  at.push(await cpuMs(route));
  const load = startSteadyLoad(route.url, 32, keeping);
  await systemClock.sleep(roundMs);
  await load.stop();
  at.push(await cpuMs(route));
  if (load.errors.length > 0) throw new Error(load.errors[0]);
  const [start = 0, rested = 0, loaded = 0] = at;
  return (loaded - rested - (rested - start)) / load.whole();
}

async function cpuMs(route: BenchRoute): Promise<number> {
  return 1000 * (await route.figure('process_cpu_seconds_total'));
}
