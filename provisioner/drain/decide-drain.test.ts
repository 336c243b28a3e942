import { describe, expect, it } from 'vitest';
import { decideDrain, type DrainState, type HeardRouter } from './decide-drain.ts';

const replicaId = '00000000-0000-8000-8000-000000000001';
const question = { replicaId, edgeRevision: 10, deadline: '2026-01-01T00:10:00.000Z' };
const early = Date.parse('2026-01-01T00:00:00.000Z');

const heard = (edgeRevision: number, inFlight: number): HeardRouter => ({
  heardAt: 0,
  report: {
    v: 1,
    routerId: 'r1',
    vpcId: replicaId,
    epoch: 1,
    edgeRevision,
    listeners: { public: 'http://a', private: 'http://a' },
    inFlight: inFlight === 0 ? {} : { [replicaId]: inFlight },
    leaving: false,
  },
});
const state = (parts: Partial<DrainState>): DrainState => ({
  routers: [],
  listeningForMs: 60_000,
  forgetMs: 15_000,
  now: early,
  ...parts,
});

describe('decideDrain', () => {
  const table: [string, DrainState, boolean][] = [
    ['every router saw it and has nothing in flight', state({ routers: [heard(10, 0), heard(12, 0)] }), true],
    ['one router has not seen it', state({ routers: [heard(10, 0), heard(9, 0)] }), false],
    ['one router still streams', state({ routers: [heard(10, 0), heard(10, 1)] }), false],
    ['nobody is heard, but this process has just started', state({ listeningForMs: 100 }), false],
    ['one answered, but another may exist', state({ routers: [heard(10, 0)], listeningForMs: 14_999 }), false],
    ['there is no router, and it has been listened long enough', state({}), true],
    ['a stream is left, but the deadline is over', state({ routers: [heard(10, 3)], now: early + 600_000 }), true],
  ];
  for (const [name, given, go] of table)
    it(`${go ? 'go' : 'wait'}: ${name}`, () => expect(decideDrain(question, given).go).toBe(go));
});
