import fc from 'fast-check';
import { expect, test } from 'vitest';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { BytesPerToken } from '../replicas/bytes-per-token.ts';
import { PrefillPace } from '../replicas/pace/prefill-pace.ts';
import { ReplicaSpeeds } from '../replicas/pace/replica-speeds.ts';
import { PrefixIndex } from '../replicas/prefix-index.ts';
import { ReplicaHealth } from '../replicas/replica-health.ts';
import { ReplicaTable } from '../replicas/replica-table.ts';
import type { PromptKeys } from '../scan/prefix-hash.ts';
import { cacheExpecter } from './booking.ts';
import { pick } from './pick.ts';
import type { Candidate } from './policies/policy.ts';
import type { ReplicaLoad } from '../replicas/replica-view.ts';
import { PoolCandidates, type Knowledge } from './pool-candidates.ts';
import type { Work } from './picker.ts';

const pool = poolDocument({
  replicas: [1, 2, 3, 4, 5, 6, 7].map((at) => ({ ...replicaAt(at), state: at === 7 ? 'draining' : 'ready' })),
});
const ids = pool.replicas.map(({ replicaId }) => replicaId);
const nobody = { lastPick: () => 0, newcomers: () => 0 };

/** What a replica is for a request, asked of each thing that knows, and of the index block by block. */
function asked(known: Knowledge, work: Work, { id, now }: { id: string; now: number }): Candidate {
  const { table, health, index, bytesPerToken, pace, speeds } = known;
  const { unseen, ...state } = table.load(id, now);
  const { inFlight, kvUse, kvTokens, waiting = 0, residentAdapters } = state;
  const held = new Set(index.blocks(id, { offset: 0, count: Infinity }).map(({ key }) => key));
  const block = work.prompt.keys.findLastIndex((key) => held.has(key));
  const match = { ...(index.match([id], work.prompt)[0] ?? fail()), block };
  const { predictedCachedTokens, privateContextTokens, prefill } = cacheExpecter(bytesPerToken, work)(match);
  const seconds = pace.secondsFor(pool.pool, prefill);
  const slowness = speeds.slownessOf(id, now);
  const own = (seconds ?? 0) * slowness;
  const adapter = work.adapter !== undefined && residentAdapters !== undefined ? 1 : 0;
  const wait = state.prefillSecondsLeft + unseen * own;
  const adds = privateContextTokens / (kvTokens || pool.engine.kvTokens);
  const fill = Math.max(index.warmShare(id, now), kvUse ?? 0) + adds;
  const pressure = 60 * Math.min(adds, Math.max(0, fill - 0.6));
  const total = 11 * (own + adapter) + 0.3 * wait + 0.1 * (inFlight + unseen) + pressure;
  return {
    ...state,
    id,
    signals: state,
    unseen,
    condition: pool.replicas.find(({ replicaId }) => replicaId === id)?.state ?? fail(),
    doubt: health.doubt(id, now),
    matchedBlock: block,
    cachedTokens: predictedCachedTokens,
    slowness,
    lastPick: 0,
    newcomers: 0,
    load: inFlight + unseen,
    isFull: (kvUse ?? 0) >= 0.97 && waiting > 0,
    cost: seconds === undefined ? undefined : { wait, own, fill, pressure, total },
  };
}

/** What is known after some random time. */
function lived(random: () => number): { known: Knowledge; now: number; prompt: () => PromptKeys } {
  const below = (limit: number): number => Math.floor(random() * limit);
  const one = (): string => ids[below(ids.length)] ?? fail();
  let now = 0;
  const table = new ReplicaTable({ router: 'me', epoch: 1 });
  const known: Knowledge = {
    table,
    health: new ReplicaHealth(),
    index: new PrefixIndex(() => now),
    bytesPerToken: new BytesPerToken(),
    pace: new PrefillPace(),
    speeds: new ReplicaSpeeds(),
  };
  known.index.setReplicas(new Map(ids.map((id) => [id, 60_000 + 20_000 * below(4)])));
  const prompt = (): PromptKeys => {
    const [user, blocks] = [BigInt(below(4)), below(40)];
    const keys = BigUint64Array.from(
      { length: blocks },
      (_, at) => BigInt(at + 1) + (at < 8 ? 0n : 1000n * (user + 1n)),
    );
    const firstUserEnd = blocks > 8 ? 8 : -1;
    const after = random() < 0.2 ? { after: 1003n } : {};
    return { keys, bytesUpTo: Float64Array.from(keys, (_, at) => (at + 1) * 1000), firstUserEnd, ...after };
  };
  const load = (): Omit<ReplicaLoad, 'inFlight'> => ({
    prefillSecondsLeft: random() * 9,
    privateContextTokens: below(9000),
    reservedOutputTokens: below(100),
    coldPrompts: below(3),
  });
  const learnsPace = random() < 0.8;
  for (let step = 0; step < 60; step++) {
    now += below(200);
    const seen = prompt();
    known.index.insert(one(), seen);
    const tip = seen.keys.at(-1);
    if (tip !== undefined) known.index.finish(one(), tip, { promptTokens: below(9000), tokens: below(99), bytes: 400 });
    table.change(one(), { inFlight: 1, ...load() }, now);
    const replicas = Object.fromEntries(
      ids.slice(below(7)).map((id) => [id, { inFlight: 2, ...load(), prefillDoneIn: 3 }]),
    );
    table.receive({ router: `peer ${below(3)}`, epoch: 1, seq: step, replicas }, now, below(50));
    const signals = { kvUse: random(), waiting: below(3), kvTokens: below(2) * 90_000, residentAdapters: [] };
    table.setSignals(one(), { running: below(99), ...(random() < 0.5 && signals) }, now);
    known.speeds.learn(one(), { ratio: 9 * random(), seconds: 9 }, now);
    if (learnsPace)
      known.pace.learn(
        pool.pool,
        { cachedTokens: below(9), uncachedTokens: 1 + below(9000) },
        { seconds: random(), doubt: 0 },
      );
    if (random() < 0.1) known.health.failed(one(), 'reset', { startedAt: now, now });
  }
  return { known, now, prompt };
}

test('what candidates show is what each thing knows of them, whatever was looked at before', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = seededRandom(seed);
      const { known, now, prompt } = lived(random);
      const candidates = new PoolCandidates(pool, known, nobody);
      const policies = ['affinity', 'least_in_flight', 'aibrix', 'session_hash', undefined] as const;
      for (let look = 0; look < 6; look++) {
        const work: Work = {
          pool: pool.pool,
          flow: 'f',
          bytes: 1,
          maxTokens: 1,
          prompt: prompt(),
          ...(random() < 0.3 && { adapter: 'a' }),
          ...(random() < 0.3 && { session: 's' }),
        };
        const policy = policies[Math.floor(random() * policies.length)];
        const wanted = { ...work, ...(policy !== undefined && { policy }) };
        const excluded = new Set(ids.filter(() => random() < 0.2));
        const at = now + 100 * look;
        const { candidates: shown } = candidates.suit(wanted, { excluded, now: at });
        const plain = ids.filter((id) => !excluded.has(id)).map((id) => asked(known, wanted, { id, now: at }));
        const [found, expected] = [pick(wanted, shown), pick(wanted, plain)];
        const scores = found?.scores.toJSON();
        expect([found?.replica, found?.reason]).toEqual([expected?.replica, expected?.reason]);
        expect(scores).toEqual(expected?.scores.toJSON());
        // Candidates are filled anew: what was kept of them stays.
        candidates.suit({ ...work, prompt: prompt() }, { excluded: new Set(), now: at + 50 });
        expect(found?.scores.toJSON()).toEqual(scores);
      }
    }),
    { numRuns: 150 },
  );
});

function fail(): never {
  throw new Error('the test lacks something');
}
