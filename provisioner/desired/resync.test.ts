import { expect, it } from 'vitest';
import { sampleDeletion, sampleSpec } from '../testing/sample-endpoint.ts';
import type { DesiredEntry } from './desired-map.ts';
import { whyWake, type StatusMark } from './resync.ts';

const alive: DesiredEntry = { kind: 'spec', spec: sampleSpec(1), revision: 1 };
const ending: DesiredEntry = { kind: 'spec', spec: sampleDeletion(1), revision: 2 };
const gone = { observedRevision: 2, state: 'gone' };
const table: [string, DesiredEntry, StatusMark | undefined, boolean, string | undefined][] = [
  ['a living endpoint always', alive, { observedRevision: 1, state: 'active' }, true, 'alive'],
  ['one that nobody has begun', alive, undefined, false, 'alive'],
  ['one that is being deleted', ending, { observedRevision: 2, state: 'deleting' }, true, 'ending'],
  ['one that came back after its end', ending, gone, true, 'ending'],
  ['not one that is gone', ending, gone, false, undefined],
  ['objects without a spec', { kind: 'absent' }, undefined, true, 'orphan'],
  ['objects under a tombstone', { kind: 'tombstone', revision: 3 }, undefined, true, 'orphan'],
  ['not a tombstone alone', { kind: 'tombstone', revision: 3 }, undefined, false, undefined],
  [
    'not what cannot be read, even with objects',
    { kind: 'parked', revision: 3, reason: '' },
    undefined,
    true,
    undefined,
  ],
];
it.each(table)('resync wakes %s', (...[, desired, status, inCluster, why]) =>
  expect(whyWake(desired, status, inCluster)).toBe(why),
);
