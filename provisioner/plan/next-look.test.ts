import { expect, it } from 'vitest';
import type { ObservedState } from '../observe/observed-state.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { foresightMs, lookAgainMs, nextLook } from './next-look.ts';
import { sampleObserved, sampleStatus } from '../testing/sample-endpoint.ts';

const status = (parts: Partial<StatusDocument>) => sampleStatus(parts);
const draining = { gates: new Map([['r', { go: false, reason: '' }]]) };
const overdue = { gates: new Map([['r', { go: true, overdue: true, reason: '' }]]) };
const table: [string, Partial<ObservedState>, StatusDocument | null, number | undefined][] = [
  ['at rest', {}, status({ state: 'active', reason: 'Active' }), undefined],
  ['gone', {}, status({ state: 'gone' }), undefined],
  ['active with fewer replicas', {}, status({ state: 'active', reason: 'Degraded' }), lookAgainMs.stuck],
  ['active with a drain', draining, status({ state: 'active', reason: 'Active' }), lookAgainMs.moving],
  ['active with a drain that is overdue', overdue, status({ state: 'active', reason: 'Active' }), lookAgainMs.moving],
  ['an error', {}, status({ state: 'error' }), lookAgainMs.stuck],
  ['on its way', {}, status({ state: 'provisioning' }), lookAgainMs.moving],
  ['without a router', {}, status({ state: 'updating', reason: 'NoRouter' }), lookAgainMs.proving],
  ['deleting', {}, status({ state: 'deleting' }), lookAgainMs.moving],
  ['before its first status', {}, null, lookAgainMs.moving],
  ['parked', { desired: { kind: 'parked', revision: 1, reason: '' } }, null, undefined],
  ['swept', { desired: { kind: 'absent' } }, null, undefined],
];
it.each(table)('the next look at an endpoint that is %s', (...[, observed, document, expected]) =>
  expect(nextLook(sampleObserved(observed), document, { steps: [] })).toBe(expected),
);

it.each([
  ['soon', 'Active', 700, 700],
  ['later than a round of resync', 'Active', foresightMs + 1, undefined],
  ['soon, with fewer replicas', 'Degraded', 700, 700],
  ['late, with fewer replicas', 'Degraded', foresightMs, lookAgainMs.stuck],
] as const)('the next look at an endpoint that is to be proven again %s', (...[, reason, proveInMs, expected]) =>
  expect(nextLook(sampleObserved(), status({ state: 'active', reason }), { steps: [], proveInMs })).toBe(expected),
);
