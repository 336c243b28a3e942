/**
 * Run: node api/regional/testing/creates.bench.ts [seconds] [clients]
 * Creates per second through one API process on a nats-server with `sync_interval: always`, beside raw atomic batches of
 * the same three documents at the same concurrency, and the API's CPU time per create. Takes turns, so that both see the
 * same machine.
 */
import { BenchRegion } from './load/bench-region.ts';
import { closedLoop, type LoopResult } from './load/closed-loop.ts';

const seconds = Number(process.argv[2] ?? 4);
/** nats-server takes 50 batches at once: more clients would only measure its refusals. */
const clients = Math.min(48, Number(process.argv[3] ?? 32));
const rounds = 3;

await using region = await BenchRegion.start(clients);
await run('warm up', 1, (number) => region.create(`warm-${number}`));
const creates: number[] = [];
const batches: number[] = [];
let cpuMs = 0;
let count = 0;
for (let round = 0; round < rounds; round += 1) {
  const cpuBefore = await region.cpuMs();
  const made = await run('creates', seconds, (number) => region.create(`bench-${round}-${number}`));
  cpuMs += (await region.cpuMs()) - cpuBefore;
  count += made.count;
  creates.push(made.perSecond);
  const raw = await run('raw batches', seconds, (number) => region.writeRaw(`${round}-${number}`));
  batches.push(raw.perSecond);
}
say({
  createsPerSecond: Math.max(...creates),
  rawBatchesPerSecond: Math.max(...batches),
  ratio: Number((Math.max(...creates) / Math.max(...batches)).toFixed(2)),
  apiCpuMsPerCreate: Number((cpuMs / count).toFixed(2)),
  createsPerCoreSecond: Math.round((1000 * count) / cpuMs),
  clients,
});

async function run(what: string, forSeconds: number, work: (number: number) => Promise<unknown>): Promise<LoopResult> {
  const result = await closedLoop({ clients, seconds: forSeconds }, work);
  say({ what, ...result });
  return result;
}

function say(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
