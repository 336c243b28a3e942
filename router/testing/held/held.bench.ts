/**
 * Run: node router/testing/held/held.bench.ts (half a minute)
 *
 * Prints the time that a pass along 2,000 held cold prompts takes while four routers share 48 replicas,
 * which compute six of them at a time, and how many passes one second has. The goal is 1 ms at the 99th percentile.
 */
import { replicaAt } from '#shared/testing/documents.ts';
import type { Slot } from '../../pick/picker.ts';
import { LateBinding } from '../../pick/wait/late-binding.ts';
import { BrainLab, labLimits } from '../brain-lab.ts';

const [replicas, held, heldByOthers, flows, seconds, stepMs] = [48, 2000, 300, 200, 10, 5] as const;
const blockSeconds = 0.1;
const limits = { ...labLimits, queueMax: 4096, queueBytesMax: 1e9, turnTimeoutMs: 3_600_000, inFlightMax: 4096 };

const lab = new BrainLab({
  replicas: Array.from({ length: replicas }, (_, at) => replicaAt(at + 1)),
  // No cache has room for any of the prompts that are held.
  engine: { ...new BrainLab().pool.engine, kvTokens: 8000 },
});
// Time stands still in the lab, but not within a pass.
let passSince = Number.NaN;
const stood = lab.clock.monotonic.bind(lab.clock);
const passing = (): number => (Number.isNaN(passSince) ? 0 : performance.now() - passSince);
Object.assign(lab.clock, { monotonic: () => stood() + passing() });
const passes: number[] = [];
// Other processes have had the core meanwhile.
const cut: number[] = [];
const pass = Reflect.get(LateBinding.prototype, 'pass') as LateBinding['pass'];
LateBinding.prototype.pass = function timed(pool, line): void {
  const before = process.resourceUsage().involuntaryContextSwitches;
  passSince = performance.now();
  pass.call(this, pool, line);
  const ms = passing();
  const interrupted = process.resourceUsage().involuntaryContextSwitches > before;
  if (line.size >= held / 2) (interrupted ? cut : passes).push(ms);
  passSince = Number.NaN;
};

const routers = ['a', 'b', 'c', 'd'].map((name) => lab.start(name, { lateBinding: true, limits }));
const computing = new Map<Slot, number>();
const doneAt = new Map<string, number>();
let prompts = 0;

const send = async (router: (typeof routers)[number], blocks: number, prompt = (prompts += 1)): Promise<void> => {
  const keys = Array.from({ length: blocks }, (_, at) => BigInt(1000 * prompt + at));
  const work = lab.work(keys, { streamed: true, flow: `flow-${prompts % flows}` });
  const slot = await router.acquire({ ...work, prompt: { ...work.prompt, firstUserEnd: 0 } });
  const { replicaId } = slot.replica;
  const done = Math.max(lab.clock.monotonic(), doneAt.get(replicaId) ?? 0) + 1000 * blockSeconds * blocks;
  doneAt.set(replicaId, done);
  computing.set(slot, done);
};
const step = async (): Promise<void> => {
  await lab.advance(stepMs);
  for (const [slot, at] of computing) {
    if (at > lab.clock.monotonic()) continue;
    computing.delete(slot);
    slot.accepted();
    slot.began();
    slot.ended({ kind: 'answered', usage: undefined });
    slot[Symbol.dispose]();
  }
};

// Of each of eight conversations the next nine turns come back: else nobody would be held.
for (const router of routers)
  for (let i = 0; i < 80; i += 1) {
    void send(router, 100 + (i % 10), i % 10 === 0 ? undefined : prompts);
    await lab.clock.advance(0);
    while (computing.size > 0) await step();
  }
for (const [at, router] of routers.entries())
  for (let i = 0; i < (at === 0 ? held : heldByOthers); i += 1) void send(router, 20 + (i % 9));
await lab.clock.advance(0);
passes.length = 0;
cut.length = 0;
for (let at = 0; at < (1000 * seconds) / stepMs; at += 1) await step();

passes.sort((a, b) => a - b);
const at = (share: number): string => (passes[Math.floor(share * (passes.length - 1))] ?? 0).toFixed(3);
const held0 = routers[0]?.brain.figures().heldForSlot ?? 0;
process.stdout.write(
  `${held0} held at the end, ${((passes.length + cut.length) / seconds).toFixed(0)} passes per second: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms; ${cut.length} that other processes interrupted are left out\n`,
);
