import { describe, expect, it } from 'vitest';
import { believes, foreignStamp, readStamp, stampFor, stampMetadata } from './stream-stamp.ts';

const remembered = { region: 'atl1', id: 'a', adoptedAt: 5, lastSeq: 100 };

describe('a stream is believed', () => {
  it.each([
    ['that nobody has read before', undefined, remembered, true],
    ['that has grown', remembered, { ...remembered, lastSeq: 101 }, true],
    ['that stands still', remembered, remembered, true],
    ['that is shorter: restored from a copy', remembered, { ...remembered, lastSeq: 99 }, false],
    ['that was made again, though longer', remembered, { ...remembered, id: 'b', lastSeq: 900 }, false],
    ['that was adopted since', remembered, { ...remembered, id: 'b', adoptedAt: 6, lastSeq: 1 }, true],
    ['whose adoption is older than the one that is known', remembered, { ...remembered, id: 'b', adoptedAt: 4 }, false],
  ] as const)('%s: %o, %o → %s', (...row) => {
    const [, before, seen, expected] = row;
    expect(believes(before, seen)).toBe(expected);
  });
});

it('a stamp is read as it was written, among the metadata of the server', () => {
  const stamp = { region: 'atl1', id: 'a', adoptedAt: 7 };
  expect(readStamp({ ...stampMetadata(stamp), '_nats.ver': '2.15.1' })).toEqual(stamp);
  expect(readStamp({})).toBeUndefined();
  expect(readStamp()).toBeUndefined();
});

it('a stream is stamped once, and refused by another region', () => {
  const stamped = stampFor('atl1', () => 'first')({ other: 'x' });
  expect(readStamp(stamped)).toEqual({ region: 'atl1', id: 'first', adoptedAt: 0 });
  expect(stampFor('nyc2', () => 'second')(stamped)).toEqual(stamped);
  expect(foreignStamp('atl1')(stamped)).toBeUndefined();
  expect(foreignStamp('nyc2')(stamped)).toBe('belongs to region atl1, not to nyc2');
  expect(foreignStamp('nyc2')({})).toBe('carries no stamp');
});
