import { describe, expect, it } from 'vitest';
import type { Routing } from '#shared/contract/desired.ts';
import { BrainLab } from '../../testing/brain-lab.ts';
import { candidate, heaviest, type ReplicaParts } from '../../testing/candidates.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import { pick } from '../pick.ts';
import type { Work } from '../picker.ts';

type Row = [id: string, inFlight: number, matchedBlock?: number, more?: Partial<ReplicaParts>];

/** Ten blocks of 1,000 bytes; the first user message ends with the third. */
const promptOf = (user: bigint): Work['prompt'] => ({
  keys: BigUint64Array.from({ length: 10 }, (_, at) => (at < 2 ? BigInt(at) : user + BigInt(at))),
  bytesUpTo: Float64Array.from({ length: 10 }, (_, at) => 1000 * (at + 1)),
  firstUserEnd: 2,
});

function choose(policy: Routing['policy'], rows: readonly Row[], asked: Partial<Work> = {}) {
  const view = rows.map(([id, inFlight, matchedBlock = -1, more = {}]) =>
    candidate({ id, inFlight, matchedBlock, ...more }),
  );
  return pick({ prompt: promptOf(100n), ...asked, ...(policy && { policy }) }, view);
}

it('whatever the policy, who goes on from an answer goes to its keeper, and nobody to one that takes nothing', () => {
  const continues = { replica: 'b', process: 'p', root: 99n, tip: 98n, bytes: 1000 };
  for (const policy of ['affinity', 'least_in_flight', 'round_robin', 'session_hash', 'aibrix'] as const) {
    const rows: Row[] = [
      ['a', 0, -1, { condition: 'draining' }],
      ['b', 50, -1, { lastPick: 9 }],
      ['c', 1],
    ];
    expect(choose(policy, rows, { continues })).toMatchObject({ replica: 'b', reason: 'affinity' });
    expect(choose(policy, rows.slice(0, 1))).toBeUndefined();
    expect(choose(policy, [rows[0] ?? ['', 0], ['b', 0, 9, { doubt: 1 }], ['c', 9]])?.replica).toBe('c');
  }
});

describe('round robin', () => {
  it('takes each in its turn, in the order of ids, whatever they have; one that comes is next', async () => {
    const lab = new BrainLab({ replicas: [3, 1, 2].map((port) => replicaAt(port)) });
    const router = lab.start('r');
    const take = async (times: number): Promise<string[]> => {
      const places: string[] = [];
      for (let i = 0; i < times; i += 1) {
        const { replica } = await router.acquire(lab.work([1n, 2n], { policy: 'round_robin' }));
        places.push(replica.replicaId);
      }
      return places;
    };
    const [first, second, third] = lab.pool.replicas.map(({ replicaId }) => replicaId).toSorted();
    expect(await take(7)).toEqual([first, second, third, first, second, third, first]);
    const fourth = replicaAt(4);
    lab.change({ replicas: [...lab.pool.replicas, fourth] });
    expect(await take(2)).toEqual([fourth.replicaId, second]);
  });
});

describe('session hash', () => {
  it('goes by the name, else by the first user message, whatever is under way and cached', () => {
    const ids = ['a', 'b', 'c', 'd'];
    const homes = Array.from({ length: 40 }, (_, user) => {
      const prompt = promptOf(BigInt(1000 * user));
      const home = heaviest(ids, prompt.keys[2] ?? 0n);
      const rows = ids.map((id): Row => [id, id === home ? 100 : 0, id === home ? -1 : 9]);
      expect(choose('session_hash', rows, { prompt })).toMatchObject({ replica: home, reason: 'session' });
      const named = choose('session_hash', rows, { prompt, session: 's' })?.replica;
      expect(named).toBe(choose('session_hash', rows, { session: 's' })?.replica);
      return home;
    });
    expect(new Set(homes).size).toBe(4);
  });

  it('has no place for what is nobody’s conversation', () => {
    const prompt = { ...promptOf(1n), firstUserEnd: -1 };
    const rows: Row[] = [
      ['a', 2],
      ['b', 1],
    ];
    expect(choose('session_hash', rows, { prompt })).toMatchObject({ replica: 'b', reason: 'least_in_flight' });
  });
});

describe("AIBrix's rule", () => {
  it.each<[string, Row[], string, string]>([
    [
      'the longest match, also of what everybody shares',
      [
        ['a', 3, 1],
        ['b', 0],
        ['c', 2, 0],
      ],
      'a',
      'affinity',
    ],
    [
      'equal matches: fewer requests',
      [
        ['a', 3, 5],
        ['b', 2, 5],
        ['c', 2, 4],
      ],
      'b',
      'affinity',
    ],
    // Mean 3, deviation 4.24, so that more than 11.49 is too much.
    [
      'more than two deviations above the mean: the next by match',
      [
        ['a', 12, 9],
        ['b', 0],
        ['c', 2, 3],
        ['d', 0],
        ['e', 1],
        ['f', 0],
        ['g', 0],
      ],
      'c',
      'affinity',
    ],
    [
      'nobody has anything: the least',
      [
        ['a', 1],
        ['b', 0],
      ],
      'b',
      'least_in_flight',
    ],
    [
      'a difference of 16 still counts the cache',
      [
        ['a', 16, 9],
        ['b', 0],
      ],
      'a',
      'affinity',
    ],
    [
      'one of 17 does not',
      [
        ['a', 17, 9],
        ['b', 0],
      ],
      'b',
      'least_in_flight',
    ],
  ])('%s', (_, rows, ...[replica, reason]) => {
    expect(choose('aibrix', rows)).toMatchObject({ replica, reason });
  });

  it('compares whole percent of the prompt', () => {
    const bytesUpTo = Float64Array.from([1000, 2000, 3000, 100_000, 100_100, 110_000, 0, 0, 0, 200_000]);
    const rows: Row[] = [
      ['a', 2, 4],
      ['b', 1, 3],
    ];
    expect(choose('aibrix', rows, { prompt: { ...promptOf(1n), bytesUpTo } })?.replica).toBe('b');
    const further: Row[] = [['a', 2, 5], ...rows.slice(1)];
    expect(choose('aibrix', further, { prompt: { ...promptOf(1n), bytesUpTo } })?.replica).toBe('a');
  });
});
