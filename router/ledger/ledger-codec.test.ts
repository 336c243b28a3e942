import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBatch, decodeNote, encodeBatch, encodeNote } from './ledger-codec.ts';
import type { LedgerMessage } from './ledger-message.ts';

const key = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const keys = fc.array(key).map((values) => BigUint64Array.from(values));
const sizes = fc.array(fc.nat()).map((values) => Uint32Array.from(values));
const id = fc.string({ maxLength: 40 }).filter((text) => text !== '__proto__');
const figure = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const load = fc.record({
  inFlight: fc.nat(),
  prefillSecondsLeft: figure,
  prefillDoneIn: figure,
  privateContextTokens: fc.nat(),
  reservedOutputTokens: fc.nat(),
  coldPrompts: fc.nat(),
});
const answer = { replica: id, process: id, root: key, tip: key, bytes: figure };
const message: fc.Arbitrary<LedgerMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('row' as const),
    from: id,
    row: fc.record({
      router: id,
      epoch: fc.nat(),
      seq: fc.nat(),
      replicas: fc.dictionary(id, load, { noNullPrototype: true }),
    }),
    ageMs: figure,
  }),
  fc.record({
    kind: fc.constant('flows' as const),
    from: id,
    served: fc.record({
      router: id,
      epoch: fc.nat(),
      seq: fc.nat(),
      flows: fc.uniqueArray(fc.tuple(id, figure), { selector: ([name]) => name }).map((all) => new Map(all)),
    }),
  }),
  fc.record({
    kind: fc.constant('news' as const),
    from: id,
    news: fc.record({ replica: id, parentTip: key, newKeys: keys, newBytes: sizes, touchedTip: key }),
  }),
  fc.record({ kind: fc.constant('ask' as const), from: id, to: id, replica: id, offset: fc.nat() }),
  fc.record({
    kind: fc.constant('index-piece' as const),
    from: id,
    to: id,
    replica: id,
    offset: fc.nat(),
    last: fc.boolean(),
    keys,
    parents: keys,
    bytes: sizes,
  }),
  fc.record({ kind: fc.constant('kept' as const), from: id, key: id, ...answer, ageMs: figure }),
  fc.record(
    {
      kind: fc.constant('look' as const),
      from: id,
      replica: id,
      process: id,
      ageMs: figure,
      health: fc.constantFrom('healthy', 'unhealthy', 'refused', 'silent', 'unknown'),
      signals: fc.record(
        {
          running: fc.nat(),
          waiting: fc.nat(),
          kvUse: figure,
          kvTokens: fc.nat(),
          cacheQueries: fc.nat(),
          cacheHits: fc.nat(),
          preemptions: fc.nat(),
          residentAdapters: fc.array(id),
          residentAdaptersMax: fc.nat(),
          processStart: figure,
        },
        { requiredKeys: [] },
      ),
      cache: fc.record({ clearedAgeMs: figure, heldTokens: fc.nat(), evictedPerSecond: figure }, { requiredKeys: [] }),
    },
    { requiredKeys: ['kind', 'from', 'replica', 'process', 'ageMs', 'health', 'signals'] },
  ),
  fc.record({ kind: fc.constant('hello' as const), from: id }),
);

describe('the ledger on the wire', () => {
  test('says what was said', () => {
    fc.assert(
      fc.property(id, fc.array(message), (sender, messages) => {
        expect(decodeBatch(encodeBatch({ sender, messages }))).toMatchObject({ sender, messages });
      }),
    );
  });

  test('notes what was noted', () => {
    fc.assert(
      fc.property(id, fc.record({ key: id, answer: fc.record(answer), givenAt: figure }), (by, note) => {
        expect(decodeNote(note.key, encodeNote(by, note))).toEqual(note);
      }),
    );
  });

  test.each(['', 'null', '{"v":2}', '{"v":1,"by":"a","answer":{"replica":"r"},"givenAt":1}'])(
    'takes %s for no note',
    (text) => expect(decodeNote('k', text)).toBeUndefined(),
  );

  const wrap = (text: string): string => `{"v":1,"sender":"a","messages":[${text}]}`;
  test.each([
    '',
    'null',
    '{"v":2,"sender":"a","messages":[]}',
    '{"v":1,"messages":[]}',
    wrap('{"kind":"gossip","from":"a"}'),
    wrap('{"kind":"ask","from":"a"}'),
    wrap('{"kind":"kept","from":"a","key":"k","replica":"r","process":"p","root":"0","tip":"0","bytes":1,"ageMs":-1}'),
    wrap(`{"kind":"hello","from":"${'x'.repeat(300)}"}`),
    wrap('{"kind":"row","from":"a","row":{"router":"a","epoch":1,"seq":1,"replicas":{"r":{}}},"ageMs":0}'),
    wrap('{"kind":"row","from":"a","row":{"router":"a","epoch":1,"seq":1,"replicas":{}}}'),
    wrap(
      '{"kind":"news","from":"a","news":{"replica":"r","parentTip":"0","newKeys":"AAAA","newBytes":"","touchedTip":"0"}}',
    ),
    wrap(
      '{"kind":"news","from":"a","news":{"replica":"r","parentTip":"-1","newKeys":"","newBytes":"","touchedTip":"0"}}',
    ),
  ])('refuses %s', (text) => {
    expect(decodeBatch(text)).toBeUndefined();
  });
});
