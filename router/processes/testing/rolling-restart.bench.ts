/**
 * Run: node router/processes/testing/rolling-restart.bench.ts [rounds]. Exchanges the two processes of a router again and again
 * under load, in both ways of sharing a port, by turns, and prints what clients lost: half of 32 clients connect for each
 * request, the others keep their connection.
 */
import { systemClock } from '#shared/runtime/clock.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startBenchRoute, startQuickUpstream } from './start-route.ts';
import { startSteadyLoad } from './steady-load.ts';

const rounds = Number(process.argv[2] ?? 5);
/** Until those that were exchanged are gone. */
const restMs = 2000;

await using upstream = await startQuickUpstream();
const ways = [
  { name: 'handed out by turns', env: {} },
  { name: 'a socket each (FAIRWAY_REUSE_PORT)', env: { FAIRWAY_REUSE_PORT: '1' } },
];
for (let turn = 0; turn < 2; turn += 1)
  for (const { name, env } of ways) {
    const { whole, lost } = await measure({ ...env, FAIRWAY_PORT: String(await freePort()) });
    const kinds = Object.entries(Object.groupBy(lost, (text) => text)).map(([text, all]) => `${all?.length} × ${text}`);
    process.stdout.write(`${name}: ${2 * rounds} exchanges, ${whole} whole, ${lost.length} lost ${kinds.join('; ')}\n`);
  }

async function measure(env: Record<string, string>): Promise<{ whole: number; lost: readonly string[] }> {
  await using route = await startBenchRoute(upstream, 2, env);
  const load = startSteadyLoad(route.url, 32);
  for (let round = 1; round <= rounds; round += 1) {
    route.renew();
    await eventually(async () => {
      const exchanged = await route.figure('fairway_router_processes_total', 'exchanged');
      if (exchanged < 2 * round) throw new Error('not exchanged yet');
    });
    await systemClock.sleep(restMs);
  }
  await load.stop();
  return { whole: load.whole(), lost: load.errors };
}
