import { describe, expect, it } from 'vitest';
import { createIdFactory, hostLabel, idFromHash, regionOfId, regions, uuidSchema, type Region } from './ids.ts';

const ids = createIdFactory({ now: () => 1_790_000_000_000, random: () => 0.5 });

describe('ids', () => {
  for (const region of Object.keys(regions) as Region[]) {
    it(`carries ${region} and is a UUIDv8`, () => {
      const id = ids(region);
      expect(uuidSchema.parse(id)).toBe(id);
      expect(id[14]).toBe('8');
      expect(regionOfId(id)).toBe(region);
    });
  }

  it('sorts by creation within one region', () => {
    const made = Array.from({ length: 50 }, () => ids('atl1'));
    expect(made.toSorted()).toEqual(made);
    expect(new Set(made).size).toBe(50);
  });

  it('makes the same id of the same hash', () => {
    const hash = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
    expect(idFromHash('tor1', hash)).toBe(idFromHash('tor1', hash));
    expect(regionOfId(idFromHash('tor1', hash))).toBe('tor1');
  });

  it('knows no region of foreign ids', () => {
    for (const id of ['', 'x', '5a4981aa-9653-4bd1-bef5-d6bff52042e4', 'ffffffff-ffff-8fff-bfff-ffffffffffff'])
      expect(regionOfId(id)).toBeUndefined();
  });

  it('makes host labels of 25 characters', () => {
    expect(hostLabel(ids('nyc2'))).toMatch(/^[0-9a-z]{25}$/);
    expect(hostLabel('00000000-0000-8000-8000-000000000001')).toHaveLength(25);
  });
});
