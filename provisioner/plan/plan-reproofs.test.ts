import { expect, it } from 'vitest';
import type { ObservedState } from '../observe/observed-state.ts';
import { planReproofs } from './plan-reproofs.ts';
import { sampleIds, sampleNow, sampleObserved, sampleStatus } from '../testing/sample-endpoint.ts';
import type { ProofRecord, ProofStep } from '../proof/proof-record.ts';

const proof = (key: string): ProofStep => ({
  kind: 'prove',
  key,
  pool: sampleIds.pool,
  specRevision: 1,
  replicaId: null,
  host: key,
  listenerUrls: ['http://a'],
  model: 'm',
});
const settings = { reproveMs: 300_000, reproveFailures: 3, lostAfterMs: 10_000, lostByMs: 25_000 };
/** An id whose last digits are half of their range: a quarter is added to the age. */
const middle = `${sampleIds.endpoint.slice(0, -8)}80000000`;
const okAgo = (agoMs: number): ProofRecord => ({ ok: true, at: sampleNow - agoMs, failures: 0 });
const failed = (failures: number, sinceMs = 10_000): ProofRecord => ({
  ok: false,
  reason: 'no answer',
  at: sampleNow,
  failures,
  failingSince: sampleNow - sinceMs,
});
const activeAgo = (agoMs: number, rememberedMs = agoMs): Partial<ObservedState> => {
  const lastTransitionTime = new Date(sampleNow - agoMs).toISOString();
  const condition = { reason: '', message: '', observedRevision: 1, lastTransitionTime };
  const document = sampleStatus({ conditions: [{ type: 'Reachable', status: 'True', ...condition }] });
  return { status: { document, seq: 1 }, proofsSince: sampleNow - rememberedMs };
};
const plan = (records: Record<string, ProofRecord>, parts: Partial<ObservedState> = {}, given = settings) => {
  const observed = sampleObserved({ ...activeAgo(0), proofs: new Map(Object.entries(records)), ...parts });
  const { steps, ...rest } = planReproofs([proof('public'), proof('private')], observed, given);
  return { asked: steps.map(({ key }) => key), ...rest };
};
const both = (record: ProofRecord) => ({ public: record, private: record });
const resting = { asked: [], unanswered: null };
const asking = { asked: ['public', 'private'], unanswered: null, proveInMs: undefined };

const table: [string, ReturnType<typeof plan>, ReturnType<typeof plan>][] = [
  ['was proven just now', plan(both(okAgo(0))), { ...resting, proveInMs: 300_000 }],
  ['has a proof of almost the age', plan(both(okAgo(299_999))), { ...resting, proveInMs: 1 }],
  ['has a proof of the age', plan(both(okAgo(300_000))), asking],
  [
    'has one old proof',
    plan({ public: okAgo(300_000), private: okAgo(1) }),
    { ...asking, asked: ['public'], proveInMs: 299_999 },
  ],
  ['is spread to later', plan(both(okAgo(300_000)), { endpointId: middle }), { ...resting, proveInMs: 75_000 }],
  ['became active long ago', plan({}, activeAgo(300_000)), asking],
  ['was first seen here a moment ago', plan({}, activeAgo(300_000, 10)), { ...resting, proveInMs: 299_990 }],
  ['became active after it was first seen', plan({}, activeAgo(10, 300_000)), { ...resting, proveInMs: 299_990 }],
  [
    'has failed twice',
    plan({ public: failed(2), private: okAgo(0) }),
    { ...asking, asked: ['public'], proveInMs: 300_000 },
  ],
  ['has failed often, within a moment', plan(both(failed(30, 9999))), asking],
  ['has failed twice, over a while', plan(both(failed(2, 24_999))), asking],
  ['failed to answer once, for too long', plan(both(failed(1, 25_000))), { ...asking, unanswered: 'no answer' }],
  ['met routers without room for long', plan(both(failed(0, 60_000))), asking],
  ['has failed once too often', plan(both(failed(3))), { ...asking, unanswered: 'no answer' }],
  ['met routers without room only', plan(both(failed(0))), asking],
  [
    'is not to be proven again',
    plan(both(okAgo(1e9)), {}, { ...settings, reproveMs: 0 }),
    { ...resting, proveInMs: undefined },
  ],
];
it.each(table)('proofs of an active endpoint that %s', (_, planned, expected) => expect(planned).toEqual(expected));

it('names the moment up to which a success does not count', () => {
  const observed = sampleObserved({ ...activeAgo(300_000) });
  expect(planReproofs([proof('public')], observed, settings).steps).toMatchObject([{ staleAt: sampleNow - 300_000 }]);
});
