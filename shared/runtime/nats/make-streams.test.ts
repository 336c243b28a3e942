import { expect, it } from 'vitest';
import { copiesOf } from './make-streams.ts';

it.each([
  ['keeps what it has', { asked: undefined, present: 3, clustered: false }, 3],
  ['gets what is asked for', { asked: 5, present: 3, clustered: true }, 5],
  ['gets three in a cluster when it is new', { asked: undefined, present: undefined, clustered: true }, 3],
  ['gets one on a single server when it is new', { asked: undefined, present: undefined, clustered: false }, 1],
] as const)('a stream %s', (_, of, copies) => {
  expect(copiesOf(of)).toBe(copies);
});
