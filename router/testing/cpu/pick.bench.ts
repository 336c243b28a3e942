/**
 * Run: node router/testing/cpu/pick.bench.ts
 *
 * Prints what a pick among 100 replicas takes for prompts of 100,000 tokens, looked at, picked, booked and given back, by
 * where it costs least and beside it by the least in flight. The goal is 200 µs at the 99th percentile, 50 the aim.
 */
import { replicaAt } from '#shared/testing/documents.ts';
import { BrainLab } from '../brain-lab.ts';

/** Of 1,000 bytes; the first ones are everybody's. */
const [blocks, sharedBlocks, conversations] = [400, 80, 200] as const;
const lab = new BrainLab({ replicas: Array.from({ length: 100 }, (_, at) => replicaAt(at + 1)) });
const router = lab.start('r');
const works = Array.from({ length: conversations }, (_, user) => {
  const keys = Array.from({ length: blocks }, (__, at) => BigInt(at < sharedBlocks ? at + 1 : 1000 * (user + 1) + at));
  const work = lab.work(keys, { streamed: true });
  return { ...work, prompt: { ...work.prompt, firstUserEnd: sharedBlocks } };
});
for (const work of works) {
  using slot = await router.acquire(work);
  await lab.advance(500);
  slot.accepted();
  slot.began();
}

for (const policy of ['affinity', 'least_in_flight', 'affinity', 'least_in_flight'] as const) {
  const micros: number[] = [];
  for (let round = 0; round < 20; round += 1)
    for (const work of works) {
      const began = performance.now();
      (await router.acquire({ ...work, policy }))[Symbol.dispose]();
      micros.push(1000 * (performance.now() - began));
    }
  micros.sort((a, b) => a - b);
  const at = (share: number): string => (micros[Math.floor(share * (micros.length - 1))] ?? 0).toFixed(0);
  process.stdout.write(`${policy}: p50 ${at(0.5)} µs, p99 ${at(0.99)} µs\n`);
}
