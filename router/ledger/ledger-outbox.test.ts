import { describe, expect, test } from 'vitest';
import type { LedgerMessage } from './ledger-message.ts';
import { LedgerOutbox } from './ledger-outbox.ts';

const row = (seq: number, ageMs = 0): LedgerMessage => ({
  kind: 'row',
  from: 'a',
  row: { router: 'a', epoch: 1, seq, replicas: {} },
  ageMs,
});
const now = (): number => 0;
const news = (blocks: number): LedgerMessage => ({
  kind: 'news',
  from: 'a',
  news: {
    replica: 'r1',
    parentTip: 0n,
    newKeys: new BigUint64Array(blocks),
    newBytes: new Uint32Array(blocks),
    touchedTip: 0n,
  },
});

describe('LedgerOutbox', () => {
  test('keeps the newest row and all other messages in order, the row first, each with those for the same router', () => {
    const outbox = new LedgerOutbox('a', now);
    const [one, two] = [news(1), news(2)];
    for (const message of [row(1), one, row(2), two]) outbox.add(message);
    const ask = (to: string): LedgerMessage => ({ kind: 'ask', from: 'a', to, replica: 'r1', offset: 0 });
    for (const message of [ask('b'), ask('c'), ask('b')]) outbox.add(message);
    expect(outbox.take()).toEqual([
      { to: undefined, messages: [row(2), one, two] },
      { to: 'b', messages: [ask('b'), ask('b')] },
      { to: 'c', messages: [ask('c')] },
    ]);
    expect(outbox.take()).toEqual([]);
  });

  test('asks for a row once, when it is looked at, and says it at every beat, as old as it is by then', () => {
    let at = 1000;
    const outbox = new LedgerOutbox('a', () => at);
    expect(outbox.beat()).toEqual({ kind: 'hello', from: 'a' });
    let asked = 0;
    const ask = () => ({ router: 'a', epoch: 1, seq: (asked += 1), replicas: {} });
    for (let change = 0; change < 5; change += 1) outbox.rowChanged(ask);
    expect(outbox.beat()).toEqual(row(1));
    at += 7;
    expect(outbox.take()).toEqual([{ to: undefined, messages: [row(1, 7)] }]);
    at += 3;
    expect(outbox.beat()).toEqual(row(1, 10));
    expect(outbox.take()).toEqual([]);
  });

  test('cuts batches by size; a message that is larger than a batch goes alone', () => {
    const outbox = new LedgerOutbox('a', now, { maxBytes: 1_000_000, maxBatchBytes: 1000 });
    for (const blocks of [10, 10, 10, 500, 10]) outbox.add(news(blocks));
    expect(outbox.take().map(({ messages }) => messages.length)).toEqual([2, 1, 1, 1]);
  });

  test('refuses what is beyond its bound, never a row, and counts it', () => {
    const outbox = new LedgerOutbox('a', now, { maxBytes: 1000, maxBatchBytes: 1000 });
    for (let i = 0; i < 10; i++) outbox.add(news(10));
    outbox.add(row(1));
    expect(outbox.dropped).toBe(8);
    outbox.dropWaiting();
    expect(outbox.dropped).toBe(10);
    expect(outbox.take()).toEqual([{ to: undefined, messages: [row(1)] }]);
    outbox.add(news(10));
    expect(outbox.take()).toHaveLength(1);
  });
});
