import { expect, it } from 'vitest';
import type { DrainReport } from '#shared/contract/replica.ts';
import { replicaLoads } from './replica-loads.ts';

const report = (loads: DrainReport['loads']): DrainReport => ({
  v: 1,
  routerId: 'r',
  vpcId: '01900000-0000-4000-8000-0000000000aa',
  epoch: 1,
  edgeRevision: 1,
  listeners: { public: 'http://a.example', private: 'http://b.example' },
  inFlight: {},
  loads,
  leaving: false,
});

it('adds up what all routers have on a replica, and knows nothing of one that a router does not name', () => {
  const both = [report({ a: [1, 5], b: [0, 0] }), report({ a: [2, 7] })];
  const loads = (reports: Parameters<typeof replicaLoads>[0]) => [...replicaLoads(reports, ['a', 'b', 'c'])];
  expect(loads(both)).toEqual([['a', { inFlight: 3, blocks: 7 }]]);
  expect([...replicaLoads(both, ['b'])]).toEqual([]);
  expect(loads([...both, undefined])).toEqual([]);
  expect(loads([report(undefined)])).toEqual([]);
  expect(loads([])).toEqual([]);
});
