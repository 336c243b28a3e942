import { describe, expect, test } from 'vitest';
import type { ReplicaCondition } from '../replicas/replica-view.ts';
import { candidate, heaviest, type ReplicaParts } from '../testing/candidates.ts';
import { pick } from './pick.ts';
import type { Work } from './picker.ts';

type Row = [id: string, inFlight: number, matchedBlock?: number, more?: ReplicaCondition | Partial<ReplicaParts>];

const promptOf = (keys: readonly bigint[], firstUserEnd = 4): Work['prompt'] => ({
  keys: BigUint64Array.from(keys),
  bytesUpTo: new Float64Array(keys.length),
  firstUserEnd,
});
/** A prompt whose blocks 0–3 are everybody's, and whose first user message ends with block 4. */
const firstTurn = promptOf([1n, 2n, 3n, 4n, 5n]);
const laterTurn = promptOf([1n, 2n, 3n, 4n, 5n, 6n, 7n]);

function choose(rows: readonly Row[], asked: Partial<Pick<Work, 'prompt' | 'session' | 'continues' | 'policy'>> = {}) {
  const view = rows.map(([id, inFlight, matchedBlock = -1, more = {}]) =>
    candidate({ id, inFlight, matchedBlock, ...(typeof more === 'string' ? { condition: more } : more) }),
  );
  return pick({ prompt: firstTurn, ...asked }, view);
}

test('an endpoint may say that caches do not count: then the least loaded is taken, whoever has the conversation', () => {
  const rows: Row[] = [
    ['a', 1, 5],
    ['b', 0],
  ];
  const seen = ['affinity', 'least_in_flight', undefined] as const;
  const taken = seen.map((policy) => choose(rows, { session: 's', ...(policy && { policy }) })?.replica);
  expect(taken).toEqual(['a', 'b', 'a']);
});

describe('with affinity', () => {
  test.each<[string, Row[], string, string]>([
    [
      'the longest match wins',
      [
        ['a', 0],
        ['b', 3, 5],
        ['c', 2, 4],
      ],
      'b',
      'affinity',
    ],
    [
      'equal matches: fewer in flight',
      [
        ['a', 0],
        ['b', 3, 5],
        ['c', 2, 5],
      ],
      'c',
      'affinity',
    ],
    [
      'through the first user message is enough',
      [
        ['a', 0],
        ['b', 2, 4],
      ],
      'b',
      'affinity',
    ],
    // Mean 4, so that more than 7 is overload.
    [
      'at the limit it still wins',
      [
        ['a', 1],
        ['b', 7, 6],
      ],
      'b',
      'affinity',
    ],
    [
      'over the limit the next holder wins',
      [
        ['a', 0],
        ['b', 12, 6],
        ['c', 3, 5],
      ],
      'c',
      'affinity',
    ],
    [
      'all holders overloaded: least in flight',
      [
        ['a', 2],
        ['b', 12, 6],
        ['c', 1],
      ],
      'c',
      'affinity_overloaded',
    ],
  ])('%s', (_, rows, ...[replica, reason]) => {
    expect(choose(rows, { prompt: laterTurn })).toMatchObject({ replica, reason });
  });
});

describe('without affinity', () => {
  test.each<[string, Row[], string]>([
    [
      'the common prefix is no affinity',
      [
        ['a', 1],
        ['b', 2, 3],
      ],
      'a',
    ],
    [
      'ties go to the longer match',
      [
        ['a', 1],
        ['b', 1, 3],
        ['c', 1, 2],
      ],
      'b',
    ],
    [
      'unknown replicas match nothing',
      [
        ['a', 1],
        ['b', 0],
      ],
      'b',
    ],
  ])('%s', (_, rows, replica) => {
    expect(choose(rows)).toMatchObject({ replica, reason: 'least_in_flight' });
  });

  test('further ties go by rendezvous, which spreads conversations', () => {
    const rows: Row[] = [
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ];
    const counts = new Map<string, number>();
    for (let user = 0n; user < 300n; user++) {
      const prompt = promptOf([1n, user], 1);
      const result = choose(rows, { prompt });
      if (result === undefined) throw new Error('nothing picked');
      expect(result.replica).toBe(heaviest(['a', 'b', 'c'], user));
      counts.set(result.replica, (counts.get(result.replica) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBeGreaterThan(70);
  });

  test('a conversation that goes on while nobody is known to have it goes to its computed place', () => {
    const home = heaviest(['a', 'b', 'c'], 5n) ?? '';
    const others = ['a', 'b', 'c'].filter((id) => id !== home);
    const rows: Row[] = [[home, 2], ...others.map((id): Row => [id, 0])];
    expect(choose(rows, { prompt: laterTurn })).toMatchObject({ replica: home, reason: 'session' });
    const full: Row[] = [[home, 9], ...others.map((id): Row => [id, 0])];
    const second = heaviest(others, 5n);
    expect(choose(full, { prompt: laterTurn })).toMatchObject({ replica: second, reason: 'session' });
  });

  test('a named conversation has the same place on its first turn, whatever its prompt', () => {
    const rows: Row[] = [
      ['a', 0],
      ['b', 0],
      ['c', 0],
      ['d', 0],
    ];
    const places = [firstTurn, laterTurn, promptOf([], -1)].map(
      (prompt) => choose(rows, { prompt, session: 's-1' })?.replica,
    );
    expect(places[0]).toBeDefined();
    expect(new Set(places).size).toBe(1);
  });

  test('who goes on from an answer goes to its keeper, however loaded, unless that is in doubt; else to the place of its root', () => {
    const rows = (doubt: number): Row[] => [
      ['a', 0],
      ['b', 50, -1, { doubt }],
      ['c', 0],
    ];
    const continues = { replica: 'b', process: 'p', root: 99n, tip: 98n, bytes: 1000 };
    expect(choose(rows(0), { continues })).toMatchObject({ replica: 'b', reason: 'affinity' });
    for (const doubt of [1, Infinity])
      expect(choose(rows(doubt), { continues, prompt: promptOf([8n], 0) })).toMatchObject({
        replica: heaviest(['a', 'c'], 99n),
        reason: 'session',
      });
    expect(choose(rows(1), { continues: { ...continues, root: 0n }, prompt: promptOf([8n], 0) })?.replica).toBe(
      heaviest(['a', 'c'], 8n),
    );
  });

  test('a prompt without a user message has no place of its own', () => {
    const prompt = promptOf([1n, 2n], -1);
    expect(
      choose(
        [
          ['a', 2, 1],
          ['b', 1],
        ],
        { prompt },
      ),
    ).toMatchObject({ replica: 'b', reason: 'least_in_flight' });
  });

  test('a lost replica moves only its own conversations', () => {
    const before = (key: bigint) => heaviest(['a', 'b', 'c', 'd'], key);
    for (let key = 0n; key < 200n; key++) {
      if (before(key) !== 'd') expect(heaviest(['a', 'b', 'c'], key)).toBe(before(key));
    }
  });
});

describe('candidates', () => {
  test.each<ReplicaCondition | Partial<ReplicaParts>>(['draining', 'proving', { doubt: Infinity }])(
    'a replica that is %s takes nothing',
    (condition) => {
      const rows: Row[] = [
        ['a', 0, 6, condition],
        ['b', 5],
      ];
      expect(choose(rows, { prompt: laterTurn })).toMatchObject({ replica: 'b' });
      expect(choose([['a', 0, 6, condition]])).toBeUndefined();
      expect(choose([])).toBeUndefined();
    },
  );

  test('one in doubt takes what nobody with less doubt can take, holder or not', () => {
    const rows: Row[] = [
      ['a', 9],
      ['b', 0, 6, { doubt: 1 }],
      ['c', 0, 6, { doubt: 2 }],
    ];
    expect(choose(rows, { prompt: laterTurn })).toMatchObject({ replica: 'a' });
    expect(choose(rows.slice(1), { prompt: laterTurn })).toMatchObject({ replica: 'b' });
    expect(choose(rows.slice(2), { prompt: laterTurn })).toMatchObject({ replica: 'c' });
  });

  test('what engines have besides, and a cache without room, count as load', () => {
    const busy: Row[] = [
      ['a', 1, 6, { unseen: 40 }],
      ['b', 2],
    ];
    expect(choose(busy, { prompt: laterTurn })).toMatchObject({ replica: 'b', reason: 'affinity_overloaded' });
    const fresh = busy.map(([id, inFlight, , more = {}]): Row => [id, inFlight, -1, more]);
    expect(choose(fresh)).toMatchObject({ replica: 'b', reason: 'least_in_flight' });
    const full = { kvUse: 0.99, waiting: 3 };
    const rows: Row[] = [
      ['a', 1, 6, full],
      ['b', 3],
    ];
    expect(choose(rows, { prompt: laterTurn })).toMatchObject({ replica: 'b' });
    expect(choose(rows)).toMatchObject({ replica: 'b' });
    expect(choose([...rows.slice(0, 1), ['b', 3, -1, full]], { prompt: laterTurn })).toMatchObject({ replica: 'a' });
    expect(
      choose(
        [
          ['a', 1, 6, { kvUse: 0.99, waiting: 0 }],
          ['b', 0],
        ],
        { prompt: laterTurn },
      ),
    ).toMatchObject({
      replica: 'a',
    });
  });

  test('the scores show what was compared', () => {
    expect(
      choose([
        ['a', 1, 3],
        ['b', 2],
        ['c', 0, 9, { doubt: Infinity }],
      ])?.scores.toJSON(),
    ).toMatchObject([
      { replica: 'a', matchedBlock: 3, inFlight: 1 },
      { replica: 'b', matchedBlock: -1, inFlight: 2 },
    ]);
  });
});
