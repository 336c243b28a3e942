import { expect, it } from 'vitest';
import { sampleDeletion, sampleSpec } from '../testing/sample-endpoint.ts';
import type { DesiredEntry } from './desired-map.ts';
import { whyWake, type StatusMark } from './resync.ts';

const alive: DesiredEntry = { kind: 'spec', spec: sampleSpec(1), revision: 1 };
const ending: DesiredEntry = { kind: 'spec', spec: sampleDeletion(1), revision: 2 };
const gone = { observedRevision: 2, state: 'gone' };
const nothing = { objects: false, pools: false };
const objects = { objects: true, pools: false };
const pools = { objects: false, pools: true };
const table: [string, DesiredEntry, StatusMark | undefined, typeof nothing, string | undefined][] = [
  ['a living endpoint always', alive, { observedRevision: 1, state: 'active' }, objects, 'alive'],
  ['one that nobody has begun', alive, undefined, nothing, 'alive'],
  ['one that is being deleted', ending, { observedRevision: 2, state: 'deleting' }, objects, 'ending'],
  ['one that came back after its end', ending, gone, objects, 'ending'],
  ['not one that is gone', ending, gone, nothing, undefined],
  ['objects without a spec', { kind: 'absent' }, undefined, objects, 'unknown'],
  ['objects under a tombstone', { kind: 'tombstone', revision: 3 }, undefined, objects, 'orphan'],
  ['pool documents without a spec', { kind: 'absent' }, undefined, pools, 'unknown'],
  ['a status without a spec', { kind: 'absent' }, { observedRevision: 1, state: 'active' }, nothing, 'unknown'],
  ['not the last status of one that is gone', { kind: 'absent' }, gone, nothing, undefined],
  ['pool documents under a tombstone', { kind: 'tombstone', revision: 3 }, gone, pools, 'orphan'],
  ['pool documents of one that is gone', ending, gone, pools, 'ending'],
  ['not a tombstone alone', { kind: 'tombstone', revision: 3 }, undefined, nothing, undefined],
  [
    'not what cannot be read, even with objects',
    { kind: 'parked', revision: 3, reason: '' },
    undefined,
    objects,
    undefined,
  ],
];
it.each(table)('resync wakes %s', (...[, desired, status, left, why]) =>
  expect(whyWake(desired, status, left)).toBe(why),
);
