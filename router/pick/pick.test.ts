import { describe, expect, test } from 'vitest';
import { noLoad } from '../replicas/replica-view.ts';
import type { PoolView, ReplicaCondition, ReplicaState } from '../replicas/replica-view.ts';
import { pick } from './pick.ts';
import type { PickRequest } from './pick.ts';
import { heavierFirst, rendezvousWeight } from './rendezvous.ts';

type Row = [id: string, inFlight: number, matchedBlock?: number, more?: ReplicaCondition | Partial<ReplicaState>];

/** A prompt whose blocks 0–3 are everybody's, and whose first user message ends with block 4. */
const firstTurn = { keys: BigUint64Array.of(1n, 2n, 3n, 4n, 5n), firstUserEnd: 4 };
const laterTurn = { keys: BigUint64Array.of(1n, 2n, 3n, 4n, 5n, 6n, 7n), firstUserEnd: 4 };

function choose(rows: readonly Row[], request: Partial<PickRequest> = {}) {
  const view: PoolView = rows.map(([id, inFlight, , more = {}]) => ({
    ...noLoad,
    id,
    inFlight,
    condition: 'ready',
    doubt: 0,
    unseen: 0,
    ...(typeof more === 'string' ? { condition: more } : more),
  }));
  const matches = new Map(rows.map(([id, , block]) => [id, { block: block ?? -1, outputTokens: 0 }]));
  return pick({ prompt: firstTurn, matches, ...request }, view, 0);
}

const heaviest = (ids: readonly string[], key: bigint): string | undefined =>
  ids.toSorted((a, b) => heavierFirst(rendezvousWeight(a, key), rendezvousWeight(b, key)))[0];

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
      const prompt = { keys: BigUint64Array.of(1n, user), firstUserEnd: 1 };
      const result = choose(rows, { prompt });
      if (!('replica' in result)) throw new Error('nothing picked');
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
    const places = [firstTurn, laterTurn, { keys: BigUint64Array.of(), firstUserEnd: -1 }].map((prompt) => {
      const result = choose(rows, { prompt, session: 's-1' });
      return 'replica' in result ? result.replica : undefined;
    });
    expect(new Set(places).size).toBe(1);
  });

  test('a prompt without a user message has no place of its own', () => {
    const prompt = { keys: BigUint64Array.of(1n, 2n), firstUserEnd: -1 };
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
  test.each<ReplicaCondition | Partial<ReplicaState>>(['draining', 'proving', { doubt: Infinity }])(
    'a replica that is %s takes nothing',
    (condition) => {
      const rows: Row[] = [
        ['a', 0, 6, condition],
        ['b', 5],
      ];
      expect(choose(rows, { prompt: laterTurn })).toMatchObject({ replica: 'b' });
      expect(choose([['a', 0, 6, condition]])).toEqual({ none: 'no_ready_replica' });
    },
  );

  test('nor does one that this request has failed on', () => {
    expect(
      choose(
        [
          ['a', 0, 6],
          ['b', 5],
        ],
        { exclude: new Set(['a']) },
      ),
    ).toMatchObject({ replica: 'b' });
    expect(choose([['a', 0]], { exclude: new Set(['a']) })).toEqual({ none: 'all_excluded' });
    expect(choose([])).toEqual({ none: 'no_ready_replica' });
  });

  test('one in doubt takes what nobody with less doubt can take, holder or not', () => {
    const rows: Row[] = [
      ['a', 9],
      ['b', 0, 6, { doubt: 1 }],
      ['c', 0, 6, { doubt: 2 }],
    ];
    expect(choose(rows, { prompt: laterTurn })).toMatchObject({ replica: 'a' });
    expect(choose(rows, { prompt: laterTurn, exclude: new Set(['a']) })).toMatchObject({ replica: 'b' });
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
      ]),
    ).toMatchObject({
      scores: [
        { replica: 'a', matchedBlock: 3, inFlight: 1 },
        { replica: 'b', matchedBlock: -1, inFlight: 2 },
      ],
    });
  });
});
