import { eventually } from '#shared/testing/eventually.ts';
import { startRedisLossLab, type SeenTurn } from './redis-loss-lab.ts';

/**
 * Run: node router/testing/redis-loss/redis-loss.bench.ts [seconds, default 60] (a bit more than twice as long). 300
 * conversations with one system prompt over four real routers and four simulated replicas: hits and first tokens with Redis,
 * and while it is dead, as ratios; how soon all routers hear themselves afterwards.
 */
const seconds = Number(process.argv[2] ?? 60);
await using lab = await startRedisLossLab({ routers: 4, replicas: 4 });
await using talk = lab.converse({ conversations: 300, pauseMs: 15_000, seed: 1 });

async function phase(): Promise<Record<'turns' | 'hits' | 'p50' | 'p99', number>> {
  const from = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const turns = talk.turns.filter(({ at }) => at >= from);
  const sum = (of: (turn: SeenTurn) => number): number => turns.reduce((total, turn) => total + of(turn), 0);
  const ttfts = turns.map(({ ttftMs }) => ttftMs).toSorted((a, b) => a - b);
  const at = (share: number): number => ttfts[Math.floor(share * ttfts.length)] ?? 0;
  const hits = sum(({ cachedTokens }) => cachedTokens) / sum(({ promptTokens }) => promptTokens);
  return { turns: turns.length, hits, p50: at(0.5), p99: at(0.99) };
}

await new Promise((resolve) => setTimeout(resolve, 30_000));
const healthy = await phase();
await lab.redis.primary.kill();
const dead = await phase();
await lab.redis.primary.restart();
const backAt = performance.now();
await eventually(async () => {
  if ((await lab.everywhere('ledger_up')).includes(0)) throw new Error('a router does not hear itself');
});
const upMs = performance.now() - backAt;
for (const [name, { turns, hits, p50, p99 }] of Object.entries({ healthy, dead }))
  console.log(
    `${name}: ${turns} turns, hits ${(100 * hits).toFixed(1)} %, first token p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
  );
console.log(
  `hits ${(100 * (dead.hits - healthy.hits)).toFixed(1)} points, p99 × ${(dead.p99 / healthy.p99).toFixed(2)}`,
);
console.log(`failed ${talk.failures.length}; all routers up ${upMs.toFixed(0)} ms after Redis`);
