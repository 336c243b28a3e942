import { describe, expect, test } from 'vitest';
import { ReplicaTable } from './replica-table.ts';
import type { LedgerRow, RowLoad } from './replica-table.ts';
import { noLoad } from './replica-view.ts';

const one = { inFlight: 1, prefillSecondsLeft: 0.3, privateContextTokens: 10, reservedOutputTokens: 5, coldPrompts: 1 };
const minus = {
  inFlight: -1,
  prefillSecondsLeft: -0.3,
  privateContextTokens: -10,
  reservedOutputTokens: -5,
  coldPrompts: -1,
};

function table(): ReplicaTable {
  const it = new ReplicaTable({ router: 'me', epoch: 1 });
  it.setChannelUp(true, 0);
  return it;
}

const row = (over: Partial<LedgerRow> & { load?: number }): LedgerRow => ({
  router: 'peer',
  epoch: 1,
  seq: 1,
  replicas: { r1: rowLoad({ inFlight: over.load ?? 1 }) },
  ...over,
});
const rowLoad = (load: Partial<RowLoad>): RowLoad => ({
  ...noLoad,
  prefillDoneIn: load.prefillSecondsLeft ?? 0,
  ...load,
});
const inFlight = (it: ReplicaTable, now = 0) => ['r1', 'r2'].map((id) => it.load(id, now).inFlight);
/** After a time in which the channel works. */
function working(it: ReplicaTable, from: number, to: number): ReplicaTable {
  for (let now = from; now <= to; now += 250) it.setChannelUp(true, now);
  it.setChannelUp(true, to);
  return it;
}

describe('rows', () => {
  test('the own row counts at once, and a peer’s is added', () => {
    const it = table();
    it.change('r1', one, 0);
    it.receive(row({ load: 3 }), 0, 0);
    expect(inFlight(it)).toEqual([4, 0]);
    expect(it.peers()).toHaveLength(1);
    it.change('r1', minus, 0);
    expect(inFlight(it)).toEqual([3, 0]);
    expect(it.row(0)).toEqual({ router: 'me', epoch: 1, seq: 2, replicas: {} });
  });

  test('rounding leaves nothing behind', () => {
    const it = table();
    for (let i = 0; i < 10; i++) it.change('r1', one, 0);
    for (let i = 0; i < 10; i++) it.change('r1', minus, 0);
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
    it.receive(row({ epoch: 2, seq: 5, load: 5 }), 0, 0);
    it.receive(next, 0, 0);
    expect(inFlight(it)[0]).toBe(expected);
  });

  test('a row replaces all of the older one', () => {
    const it = table();
    it.receive(row({ replicas: { r1: rowLoad(one), r2: rowLoad(one) } }), 0, 0);
    it.receive(row({ seq: 2, replicas: { r2: rowLoad(one) } }), 0, 0);
    expect(inFlight(it)).toEqual([0, 1]);
  });

  test('expires when its owner is silent for 3 s on a working channel; a repeat keeps it', () => {
    const it = table();
    it.receive(row({}), 0, 0);
    it.receive(row({}), 1000, 0);
    expect(inFlight(working(it, 0, 4000))[0]).toBe(1);
    expect(inFlight(working(it, 4001, 4001))[0]).toBe(0);
    expect(it.peers()).toEqual([]);
  });

  test('is frozen while the channel is down, and gets 3 s to be heard again when it works', () => {
    const it = table();
    it.receive(row({}), 0, 0);
    it.setChannelUp(false, 2000);
    it.setChannelUp(false, 60_000);
    expect(inFlight(it)[0]).toBe(1);
    expect(inFlight(working(it, 60_000, 63_000))[0]).toBe(1);
    expect(inFlight(working(it, 63_001, 63_001))[0]).toBe(0);
  });

  test('one that had expired before the channel went down does not come back', () => {
    const it = table();
    it.receive(row({}), 0, 0);
    working(it, 0, 3500).setChannelUp(false, 3600);
    expect(inFlight(it)[0]).toBe(0);
  });

  test('stays while this router stands still, which then hears late', () => {
    const it = table();
    it.receive(row({}), 0, 0);
    it.setChannelUp(false, 5000);
    it.setChannelUp(true, 5250);
    expect(inFlight(it)[0]).toBe(1);
  });
});

describe('prefill', () => {
  const booked = (prefillSecondsLeft: number) => ({ ...noLoad, inFlight: 1, prefillSecondsLeft });
  const computed = (seconds: number) => ({ ...noLoad, prefillSecondsLeft: -seconds });
  const left = (it: ReplicaTable, now: number): number => it.load('r1', now).prefillSecondsLeft;
  /** Two routers that hear each other at once. */
  function two(): [ReplicaTable, ReplicaTable, (now: number) => void] {
    const [a, b] = ['a', 'b'].map((router) => new ReplicaTable({ router, epoch: 1 })) as [ReplicaTable, ReplicaTable];
    return [
      a,
      b,
      (now) => {
        a.receive(b.row(now), now, 0);
        b.receive(a.row(now), now, 0);
      },
    ];
  }

  test('falls by one second per second, whoever booked it', () => {
    const [a, b, tell] = two();
    a.change('r1', booked(4), 0);
    tell(0);
    b.change('r1', booked(3), 0);
    tell(0);
    for (const at of [0, 1, 3.5, 5, 7, 9])
      expect([left(a, at * 1000), left(b, at * 1000)]).toEqual(Array(2).fill(Math.max(0, 7 - at)));
  });

  test('what is given back early goes at once, and shows that the rest is still to come', () => {
    const it = table();
    for (const seconds of [2, 2, 2]) it.change('r1', booked(seconds), 0);
    it.change('r1', computed(2), 500);
    expect(left(it, 500)).toBe(4);
    // Late: nothing was computed beyond the first two.
    it.change('r1', computed(2), 4500);
    expect([left(it, 4500), left(it, 5500), left(it, 6500)]).toEqual([2, 1, 0]);
  });

  test('what a lost message or a leak leaves behind is no load for ever, and does not come back with the next request', () => {
    const it = table();
    it.change('r1', booked(5), 0);
    expect(left(it, 60_000)).toBe(0);
    it.change('r1', booked(1), 60_000);
    expect(left(it, 60_000)).toBe(1);
  });

  test('a router that hears a row late or again counts the time that has passed', () => {
    const [a] = two();
    a.change('r1', booked(4), 0);
    const row = a.row(1000);
    expect(row.replicas).toEqual({ r1: { ...booked(3), prefillDoneIn: 3 } });
    const late = table();
    late.receive(row, 100_000, 1500);
    expect([left(late, 100_000), left(late, 101_000), left(late, 110_000)]).toEqual([1.5, 0.5, 0]);
    late.receive(row, 101_000, 0);
    expect(left(late, 101_000)).toBe(0.5);
    expect(inFlight(late)[0]).toBe(1);
  });

  test('a router that has restarted has nothing booked', () => {
    const it = table();
    it.receive(row({ replicas: { r1: rowLoad(booked(4)) } }), 0, 0);
    it.receive(row({ epoch: 2, seq: 0, replicas: {} }), 1000, 0);
    expect(it.load('r1', 1000)).toMatchObject(noLoad);
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
    for (let i = 0; i < 10; i++) it.change('r1', one, 0);
    it.receive(row({ load: 10 }), 0, 0);
    it.setSignals('r1', { running: 20, waiting: 4 }, 0);
    expect(it.load('r1', 0).unseen).toBe(0);
    it.setSignals('r1', { running: 20, waiting: 30 }, 0);
    expect(it.load('r1', 0)).toMatchObject({ inFlight: 20, unseen: 30 });
    it.change('r1', minus, 0);
    expect(it.load('r1', 0)).toMatchObject({ inFlight: 19, unseen: 30 });
  });
});
