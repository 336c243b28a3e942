/**
 * Run: node router/testing/cpu/pick.bench.ts
 *
 * Prints what a pick among 100 replicas takes for prompts of 100,000 tokens, looked at, picked, booked and given back, by
 * where it costs least and beside it by the least in flight: CPU in turns with `JSON.parse` of 64 KB (`cpu-rounds.ts`), and
 * how much CPU single ones take. The goal is 20 µs, 50 at the 99th percentile.
 */
import { replicaAt } from '#shared/testing/documents.ts';
import { BrainLab } from '../brain-lab.ts';
import { cpuRounds } from './cpu-rounds.ts';

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

const body = JSON.stringify(Array.from({ length: 640 }, (_, at) => ({ role: 'user', content: `${at}`.padEnd(70) })));
let picks = 0;
const pick = async (policy: 'affinity' | 'least_in_flight'): Promise<void> => {
  const work = works[picks++ % works.length];
  // What is told to others does not pile up.
  if (picks % works.length === 0) lab.hub.advance(50);
  if (work !== undefined) (await router.acquire({ ...work, policy }))[Symbol.dispose]();
};
const micros = await cpuRounds({
  affinity: () => pick('affinity'),
  least_in_flight: () => pick('least_in_flight'),
  parse: () => JSON.parse(body),
});
for (const policy of ['affinity', 'least_in_flight'] as const) {
  const seen: number[] = [];
  for (let at = 0; at < 20_000; at++) {
    const before = process.cpuUsage();
    await pick(policy);
    const { user, system } = process.cpuUsage(before);
    seen.push(user + system);
  }
  seen.sort((a, b) => a - b);
  const at = (share: number): number => seen[Math.floor(share * (seen.length - 1))] ?? 0;
  const ratio = (micros[policy] / micros.parse).toFixed(2);
  process.stdout.write(
    `${policy}: ${micros[policy].toFixed(1)} µs of CPU, ${ratio} of JSON.parse of 64 KB; single ones p50 ${at(0.5)}, p99 ${at(0.99)} µs\n`,
  );
}
