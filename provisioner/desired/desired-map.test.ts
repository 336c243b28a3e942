import { describe, expect, it } from 'vitest';
import { sampleIds, sampleSpec } from '../testing/sample-endpoint.ts';
import { DesiredMap, readDesired } from './desired-map.ts';

const endpointId = sampleIds.endpoint;
const message = (revision: number, body: unknown = sampleSpec(2), deleted = false) => ({
  endpointId,
  revision,
  text: typeof body === 'string' ? body : JSON.stringify(body),
  deleted,
});

describe('the desired map', () => {
  it('keeps the newest and never steps back', () => {
    const map = new DesiredMap();
    expect(map.take(message(5))).toBe(true);
    expect(map.take(message(5))).toBe(false);
    expect(map.take(message(3, sampleSpec(9)))).toBe(false);
    expect(map.get(endpointId)).toEqual({ kind: 'spec', spec: sampleSpec(2), revision: 5 });
    expect(map.take(message(6, sampleSpec(3)))).toBe(true);
    expect(map.get(endpointId)).toMatchObject({ revision: 6 });
  });

  it('parks what it cannot read, whatever it is', () => {
    for (const text of ['', 'not json', '{}', JSON.stringify({ ...sampleSpec(2), v: 2 })])
      expect(readDesired(message(1, text))).toMatchObject({ kind: 'parked', revision: 1 });
  });

  it('knows tombstones, and forgets what has left the stream', () => {
    const map = new DesiredMap();
    map.take(message(2, { v: 1, kind: 'tombstone', endpointId, team: 'a', deletedAt: '2026-01-01T00:00:00.000Z' }));
    expect(map.get(endpointId)).toEqual({ kind: 'tombstone', revision: 2 });
    map.retain(new Set([endpointId]), 9);
    expect(map.keys()).toEqual([endpointId]);
    map.retain(new Set(), 1);
    expect(map.keys()).toEqual([endpointId]);
    map.retain(new Set(), 2);
    expect(map.get(endpointId)).toEqual({ kind: 'absent' });
    map.take(message(3));
    map.take(message(4, '', true));
    expect(map.keys()).toEqual([]);
  });
});
