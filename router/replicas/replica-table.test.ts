import { describe, expect, test } from 'vitest';
import { ReplicaTable } from './replica-table.ts';
import type { LedgerRow } from './replica-table.ts';
import { noLoad } from './replica-view.ts';

const one = { inFlight: 1, prefillSecondsLeft: 0.3, privateContextTokens: 10, reservedOutputTokens: 5 };
const minus = { inFlight: -1, prefillSecondsLeft: -0.3, privateContextTokens: -10, reservedOutputTokens: -5 };

function table(): ReplicaTable {
  const it = new ReplicaTable({ router: 'me', epoch: 1 });
  it.setChannelUp(true, 0);
  return it;
}

const row = (over: Partial<LedgerRow> & { load?: number }): LedgerRow => ({
  router: 'peer',
  epoch: 1,
  seq: 1,
  replicas: { r1: { ...noLoad, inFlight: over.load ?? 1 } },
  ...over,
});
const inFlight = (it: ReplicaTable, now = 0) => ['r1', 'r2'].map((id) => it.load(id, now).inFlight);

describe('rows', () => {
  test('the own row counts at once, and a peer’s is added', () => {
    const it = table();
    it.change('r1', one);
    it.receive(row({ load: 3 }), 0);
    expect(inFlight(it)).toEqual([4, 0]);
    expect(it.peers(0)).toHaveLength(1);
    it.change('r1', minus);
    expect(inFlight(it)).toEqual([3, 0]);
    expect(it.row()).toEqual({ router: 'me', epoch: 1, seq: 2, replicas: {} });
  });

  test('rounding leaves nothing behind', () => {
    const it = table();
    for (let i = 0; i < 10; i++) it.change('r1', one);
    for (let i = 0; i < 10; i++) it.change('r1', minus);
    expect(it.ownLoad('r1')).toEqual(noLoad);
  });

  test.each([
    ['newer', row({ epoch: 2, seq: 6, load: 9 }), 9],
    ['a repeat', row({ epoch: 2, seq: 5, load: 9 }), 5],
    ['older', row({ epoch: 2, seq: 4, load: 9 }), 5],
    ['of a new start', row({ epoch: 3, seq: 0, load: 9 }), 9],
    ['of an earlier start', row({ epoch: 1, seq: 99, load: 9 }), 5],
    ['its own', row({ router: 'me', epoch: 9, seq: 99, load: 9 }), 5],
  ])('a row that is %s', (_, next, expected) => {
    const it = table();
    it.receive(row({ epoch: 2, seq: 5, load: 5 }), 0);
    it.receive(next, 0);
    expect(inFlight(it)[0]).toBe(expected);
  });

  test('a row replaces all of the older one', () => {
    const it = table();
    it.receive(row({ replicas: { r1: one, r2: one } }), 0);
    it.receive(row({ seq: 2, replicas: { r2: one } }), 0);
    expect(inFlight(it)).toEqual([0, 1]);
  });

  test('expires when its owner is silent for 3 s on a working channel; a repeat keeps it', () => {
    const it = table();
    it.receive(row({}), 0);
    it.receive(row({}), 1000);
    expect(inFlight(it, 4000)[0]).toBe(1);
    expect(inFlight(it, 4001)[0]).toBe(0);
    expect(it.peers(4001)).toEqual([]);
  });

  test('is frozen while the channel is down, and gets 3 s to be heard again when it works', () => {
    const it = table();
    it.receive(row({}), 0);
    it.setChannelUp(false, 2000);
    expect(inFlight(it, 60_000)[0]).toBe(1);
    it.setChannelUp(true, 60_000);
    expect(inFlight(it, 63_000)[0]).toBe(1);
    expect(inFlight(it, 63_001)[0]).toBe(0);
  });

  test('one that had expired before the channel went down does not come back', () => {
    const it = table();
    it.receive(row({}), 0);
    it.setChannelUp(false, 3500);
    expect(inFlight(it, 3600)[0]).toBe(0);
  });
});

describe('signals', () => {
  test('what was not said, or not lately, is unknown', () => {
    const it = table();
    it.setSignals('r1', { running: 2, kvUse: 0.5 }, 0);
    expect(it.load('r1', 3000)).toMatchObject({ running: 2, kvUse: 0.5, unseen: 0 });
    expect(it.load('r1', 3000)).not.toHaveProperty('waiting');
    expect(it.load('r1', 3001)).toEqual({ ...noLoad, unseen: 0 });
    expect(it.load('r2', 0)).toEqual({ ...noLoad, unseen: 0 });
    it.forget('r1');
    expect(it.load('r1', 0)).not.toHaveProperty('running');
  });

  test('requests that the engine has and no router counts are told, a few by the way are not', () => {
    const it = table();
    for (let i = 0; i < 10; i++) it.change('r1', one);
    it.receive(row({ load: 10 }), 0);
    it.setSignals('r1', { running: 20, waiting: 4 }, 0);
    expect(it.load('r1', 0).unseen).toBe(0);
    it.setSignals('r1', { running: 20, waiting: 30 }, 0);
    expect(it.load('r1', 0)).toMatchObject({ inFlight: 20, unseen: 30 });
    it.change('r1', minus);
    expect(it.load('r1', 0)).toMatchObject({ inFlight: 19, unseen: 30 });
  });
});
