import { expect, it } from 'vitest';
import { FlowWork, type ServedFlows } from './flow-work.ts';

const minute = 60_000;
const told = (over: Partial<ServedFlows> & { work?: number }): ServedFlows => ({
  router: 'peer',
  epoch: 1,
  seq: 1,
  flows: new Map([['f', over.work ?? 100]]),
  ...over,
});

function work(): FlowWork {
  return new FlowWork({ router: 'me', epoch: 5 });
}

it('what a flow was served counts at once, half after a minute, and adds up over routers', () => {
  const it = work();
  it.served('f', 100, 0);
  it.served('f', 50, minute);
  expect(it.workOf('f', minute)).toBe(100);
  it.receive(told({ work: 40 }), 2 * minute);
  expect(it.workOf('f', 2 * minute)).toBe(90);
  expect(it.workOf('f', 3 * minute)).toBe(45);
  expect(it.workOf('g', 0)).toBe(0);
});

it('tells all of it every two seconds, as it counts then, and nothing when there is nothing', () => {
  const it = work();
  expect(it.toTell(0)).toBeUndefined();
  it.served('f', 100, 100);
  expect(it.toTell(1900)).toBeUndefined();
  expect(it.toTell(2000)?.flows).toEqual(new Map([['f', 97.83]]));
  expect(it.toTell(minute + 100)).toEqual({ router: 'me', epoch: 5, seq: 2, flows: new Map([['f', 50]]) });
  expect(it.toTell(11 * minute)).toBeUndefined();
});

it.each([
  ['newer', told({ epoch: 2, seq: 6, work: 9 }), 9],
  ['a repeat', told({ epoch: 2, seq: 5, work: 9 }), 5],
  ['older', told({ epoch: 2, seq: 4, work: 9 }), 5],
  ['of another process, whose work was done, too', told({ epoch: 3, seq: 0, work: 9 }), 14],
  ['of its own earlier process', told({ router: 'me', epoch: 4, work: 9 }), 14],
  ['its own', told({ router: 'me', epoch: 5, seq: 99, work: 9 }), 5],
])('what is %s', (_, next, expected) => {
  const it = work();
  it.receive(told({ epoch: 2, seq: 5, work: 5 }), 0);
  it.receive(next, 0);
  expect(it.workOf('f', 0)).toBe(expected);
});

it('what a process told last counts until it has fallen to nothing', () => {
  const it = work();
  it.receive(told({ work: 1024 }), 0);
  expect(it.workOf('f', 9 * minute)).toBe(2);
  it.receive(told({ router: 'other', flows: new Map() }), 11 * minute);
  expect(it.workOf('f', 11 * minute)).toBe(0);
});

it('is bounded: of too many flows those with the least work are forgotten, of too many processes the oldest', () => {
  const it = work();
  for (let flow = 0; flow < 2100; flow++) it.served(`f${flow}`, 3000 - flow, 0);
  expect(it.toTell(0)?.flows.size).toBe(2100 - 256);
  expect(it.forgotten).toBe(256);
  expect([it.workOf('f0', 0), it.workOf('f1791', 0), it.workOf('f1792', 0)]).toEqual([3000, 1209, 0]);
  for (let epoch = 1; epoch <= 100; epoch++) it.receive(told({ epoch, flows: new Map([['g', 1]]) }), epoch);
  expect(it.workOf('g', 100)).toBeCloseTo(64, 0);
});

it('a flow is greedy that was served much, and much more than others, by all routers; nobody is alone', () => {
  const it = work();
  it.served('flood', 200_000, 0);
  expect(it.isGreedy('flood', 0)).toBe(false);
  it.served('flood', 200_000, 0);
  expect(it.isGreedy('flood', 0)).toBe(false);
  it.receive(told({ flows: new Map(Object.entries({ flood: 400_000, one: 100_000, two: 60_000 })) }), 1000);
  expect(['flood', 'one', 'two', 'new'].map((flow) => it.isGreedy(flow, 1000))).toEqual([true, false, false, false]);
  it.served('one', 900_000, 1000);
  // A sum of all flows is a second old at most.
  expect(it.isGreedy('flood', 2000)).toBe(false);
  expect(it.isGreedy('flood', 3 * minute)).toBe(false);
});

it('a flow is as good as alone beside others of other pools, and beside what few requests take', () => {
  const it = work();
  it.served('1a2b:much', 2_000_000, 0);
  it.served('3c4d:other', 300_000, 0);
  it.served('1a2b:probe', 15_000, 0);
  expect(it.isGreedy('1a2b:much', 0)).toBe(false);
  it.served('1a2b:one', 15_000, 0);
  expect(['1a2b:much', '3c4d:other'].map((flow) => it.isGreedy(flow, 1000))).toEqual([true, false]);
});
