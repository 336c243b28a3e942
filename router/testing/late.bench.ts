/**
 * Run: node router/testing/late.bench.ts (about 3 minutes). Prints the time to the whole answer of short streams over four
 * simulated replicas, of which one becomes slow or ill, with late requests moved and, as the baseline, not.
 */
import { readSimConfig } from '#loadtest/sim/config.ts';
import { readFaults } from '#loadtest/sim/server/faults.ts';
import { startSim } from '#loadtest/sim/service.ts';
import type { Router } from '../service.ts';
import { ask } from './client.ts';
import { startEdge } from './router-fixture.ts';

/** A quarter of the hardware's time, and so of the 3 s before which nothing is late. */
const [timeScale, lateAfterMs] = ['0.25', '750'];
const promptBytes = 100 * 1024;
const phases: readonly { what: string; requests: number; everyMs: number; bytes?: number; faults?: object[] }[] = [
  { what: 'calm', requests: 40, everyMs: 400 },
  { what: 'busy', requests: 80, everyMs: 150 },
  { what: 'one replica is 40 times as slow', requests: 80, everyMs: 150, faults: [{ kind: 'slow', factor: 40 }] },
  {
    what: 'one replica never answers 30 %',
    requests: 80,
    everyMs: 150,
    faults: [{ kind: 'hang', probability: 0.3 }],
  },
  { what: 'all overloaded', requests: 150, everyMs: 30, bytes: 4 * promptBytes },
];

await using edge = await startEdge();
const config = readSimConfig(['--port', '0', '--model', 'test-model', '--time-scale', timeScale], {
  FAIRWAY_SIM_API_KEY: 'upstream-secret',
});
await using stack = new AsyncDisposableStack();
const sims = await Promise.all([0, 1, 2, 3].map(async () => stack.use(await startSim(config, { die: () => {} }))));
const endpoint = await edge.addEndpoint(sims.map(({ url }) => Number(new URL(url).port)));
const common = {
  FAIRWAY_SCRAPE_MS: '1000',
  FAIRWAY_CAPACITY_TIMEOUT_MS: '30000',
  FAIRWAY_FIRST_TOKEN_TIMEOUT_MS: '60000',
};

for (const [name, lateMs] of [
  ['moved', lateAfterMs],
  ['not moved', String(1e9)],
] as const) {
  await using router = await edge.startRouter({ env: { ...common, FAIRWAY_LATE_AFTER_MS: lateMs } });
  for (const phase of phases) {
    sims[0]?.desk.setFaults(readFaults(phase.faults ?? []));
    const before = await moves(router);
    const took = await run(router, phase);
    const at = (share: number): string => (took[Math.floor(share * (took.length - 1))] ?? NaN).toFixed(0);
    const moved = (await moves(router)) - before;
    const times = `median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`;
    process.stdout.write(`late ones ${name}, ${phase.what}: ${times}, ${moved} moves\n`);
  }
}

async function run(
  router: Router,
  { requests, everyMs, bytes = promptBytes }: (typeof phases)[number],
): Promise<number[]> {
  const all: Promise<number>[] = [];
  for (let at = 0; at < requests; at += 1) {
    all.push(askOne(router, bytes * (0.3 + Math.random() * 1.4)));
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return (await Promise.all(all)).toSorted((a, b) => a - b);
}

async function askOne({ url }: Router, bytes: number): Promise<number> {
  const content = `${Math.random()} ${'lorem ipsum dolor '.repeat(bytes / 18)}`;
  const body = { model: 'test-model', stream: true, max_tokens: 50, messages: [{ role: 'user', content }] };
  const from = performance.now();
  const reply = await ask({
    url,
    headers: { authorization: `Bearer ${endpoint.token}` },
    body: JSON.stringify(body),
  });
  if (reply.status !== 200 || reply.text.includes('"error"')) throw new Error(reply.text.slice(0, 300));
  return performance.now() - from;
}

async function moves({ adminUrl }: Router): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(/^fairway_router_lost_attempts_total\{reason="late"\S* (\d+)$/m.exec(text)?.[1] ?? 0);
}
