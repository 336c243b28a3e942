import { describe, expect, it } from 'vitest';
import type { DrainReport } from '#shared/contract/replica.ts';
import { decideDrain, type DrainState, type KnownRouter } from './decide-drain.ts';

const replicaId = '00000000-0000-8000-8000-000000000001';
const question = { replicaId, edgeRevision: 10, deadline: '2026-01-01T00:10:00.000Z' };
const early = Date.parse('2026-01-01T00:00:00.000Z');

const router = (edgeRevision: number, inFlight: number, parts: Partial<KnownRouter> = {}): KnownRouter => {
  const report: DrainReport = {
    v: 1,
    routerId: 'r1',
    vpcId: replicaId,
    epoch: 1,
    edgeRevision,
    listeners: { public: 'http://a', private: 'http://a' },
    inFlight: inFlight === 0 ? {} : { [replicaId]: inFlight },
    leaving: false,
  };
  return { routerId: 'r1', epoch: 1, heard: { report, agoMs: 0 }, ...parts };
};
const agoMs = (ms: number): Partial<KnownRouter> => ({ heard: { report: router(10, 0).heard!.report, agoMs: ms } });
const state = (parts: Partial<DrainState>): DrainState => ({
  routers: [],
  listeningForMs: 60_000,
  silentMs: 5000,
  now: early,
  ...parts,
});

describe('decideDrain', () => {
  const table: [string, DrainState, boolean][] = [
    ['every router saw it and has nothing in flight', state({ routers: [router(10, 0), router(12, 0)] }), true],
    ['one router has not seen it', state({ routers: [router(10, 0), router(9, 0)] }), false],
    ['one router still streams', state({ routers: [router(10, 0), router(10, 1)] }), false],
    ['nobody is heard, but this process has just started', state({ listeningForMs: 100 }), false],
    ['one answered, but another may exist', state({ routers: [router(10, 0)], listeningForMs: 4999 }), false],
    ['no router is registered, and it has been listened long enough', state({}), true],
    ['a registered router was never heard', state({ routers: [router(0, 0, { heard: undefined })] }), false],
    ['a router that said 0 has been silent since', state({ routers: [router(10, 0, agoMs(5001))] }), false],
    ['a router that said 0 was heard a while ago', state({ routers: [router(10, 0, agoMs(5000))] }), true],
    ['a newer process of a router that said 0 is registered', state({ routers: [router(10, 0, { epoch: 2 })] }), false],
    ['there are more routers than are kept apart', state({ routers: Array(513).fill(router(10, 0)) }), false],
    ['a stream is left, but the deadline is over', state({ routers: [router(10, 3)], now: early + 600_000 }), true],
    [
      'all are silent, but the deadline is over',
      state({ routers: [router(0, 0, { heard: undefined })], now: early + 600_000 }),
      true,
    ],
  ];
  for (const [name, given, go] of table)
    it(`${go ? 'go' : 'wait'}: ${name}`, () => expect(decideDrain(question, given).go).toBe(go));

  it.each([
    ['bites', state({ routers: [router(10, 3)], now: early + 600_000 }), true],
    ['is over, and nothing was left', state({ routers: [router(10, 0)], now: early + 600_000 }), undefined],
    ['is not over', state({ routers: [router(10, 0)] }), undefined],
  ])('says when the deadline %s', (_, given, overdue) => expect(decideDrain(question, given).overdue).toBe(overdue));

  const began = (inFlight: number, oldestAt?: number): KnownRouter => {
    const { heard, ...rest } = router(10, inFlight);
    return { ...rest, heard: heard && { ...heard, report: { ...heard.report, ...atOf(oldestAt) } } };
  };
  const atOf = (oldestAt?: number) => (oldestAt === undefined ? {} : { oldestAt: { [replicaId]: oldestAt } });

  it.each([
    ['adds up what routers have', [began(1, 500), began(2, 400), began(0)], { count: 3, oldestAt: 400 }],
    ['knows no oldest of a router that does not say it', [began(1, 500), began(2)], { count: 3 }],
    ['says that nothing is in flight', [began(0), began(0)], { count: 0 }],
    ['does not know it of a silent router', [began(1, 500), { ...began(0), heard: undefined }], undefined],
    ['does not know it of a router that has not seen the drain', [began(1, 500), router(9, 0)], undefined],
  ])('%s', (_, routers, inFlight) => expect(decideDrain(question, state({ routers })).inFlight).toEqual(inFlight));
});
