/**
 * Run: node --expose-gc --max-semi-space-size=16 router/testing/index-memory.bench.ts
 *
 * Fills the index of 16 replicas of 970,000 tokens each, three times over, with conversations of 77k to 130k tokens cut into
 * blocks of 1 KiB and at messages, answers included; prints what the process then takes, and what one booking, one match
 * against all replicas and one finished answer cost while all mirrors are full.
 */
import { hashText } from '../scan/hash64.ts';
import type { PromptKeys } from '../scan/prefix-hash.ts';
import { PrefixIndex } from '../replicas/prefix-index.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

const [replicas, kvTokens, bytesPerToken, oversubscription] = [16, 970_000, 4, 3] as const;
const random = seededRandom(1);
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const told = (what: string): void => {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  process.stdout.write(
    `${what}: RSS ${mebibytes(rss)}, heap ${mebibytes(heapUsed)}, arrays ${mebibytes(arrayBuffers)}\n`,
  );
};

told('before');
const index = new PrefixIndex(() => 0);
const ids = Array.from({ length: replicas }, (_, at) => `replica-${at}`);
index.setReplicas(new Map(ids.map((id) => [id, kvTokens * bytesPerToken])));
const took = { insert: [] as number[], match: [] as number[], finish: [] as number[] };
let turns = 0;
for (const id of ids)
  for (let filled = 0; filled < oversubscription * kvTokens;) {
    const contextTokens = 77_000 + 53_000 * random();
    filled += contextTokens;
    converse(id, contextTokens * bytesPerToken);
  }
const { blocks, memoryBytes } = index.size();
told(`after ${turns} turns, ${blocks} blocks, ${mebibytes(memoryBytes)} of mirrors`);
for (const [what, times] of Object.entries(took)) {
  const sorted = times.slice(-times.length / 2).toSorted((a, b) => a - b);
  const at = (share: number): string => (1000 * (sorted[Math.floor(share * (sorted.length - 1))] ?? 0)).toFixed(0);
  process.stdout.write(`${what}: p50 ${at(0.5)} µs, p99 ${at(0.99)} µs\n`);
}

/** Turns of one conversation: half of it at once, then messages of 100 B to 8 KB and their answers. */
function converse(replica: string, bytesMax: number): void {
  let key = hashText(`${random()}`, 0n);
  const keys: bigint[] = [];
  const ends: number[] = [];
  const message = (bytes: number): void => {
    for (let at = 0; at < bytes; at += 1024) {
      key = BigInt.asUintN(64, key * 0x5851_f42d_4c95_7f2dn + 0x1405_7b7e_f767_814fn);
      keys.push(key ^ (key >> 29n));
      ends.push((ends.at(-1) ?? 0) + Math.min(1024, bytes - at));
    }
  };
  while ((ends.at(-1) ?? 0) < bytesMax / 2) message(100 + 8000 * random() ** 3);
  while ((ends.at(-1) ?? 0) < bytesMax) {
    const prompt = { keys: BigUint64Array.from(keys), bytesUpTo: Float64Array.from(ends), firstUserEnd: 1 };
    turn(replica, prompt);
    for (let i = 0; i < 2; i += 1) message(100 + 8000 * random() ** 3);
  }
}

function turn(replica: string, prompt: PromptKeys): void {
  turns += 1;
  const tokens = Math.round(50 + 1000 * random());
  const generated = { promptTokens: 1, tokens, bytes: tokens * bytesPerToken };
  timed('match', () => index.match(ids, prompt));
  timed('insert', () => index.insert(replica, prompt));
  timed('finish', () => index.finish(replica, prompt.keys.at(-1) ?? 0n, generated));
}

function timed(what: keyof typeof took, run: () => unknown): void {
  const from = performance.now();
  run();
  took[what].push(performance.now() - from);
}
