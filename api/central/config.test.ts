import { describe, expect, it } from 'vitest';
import { readCentralConfig } from './config.ts';

const read = (regions: string | undefined): [string, string[]][] => [
  ...readCentralConfig({ FAIRWAY_NATS_URL: 'nats://n', FAIRWAY_REGIONS: regions }).FAIRWAY_REGIONS,
];

describe('FAIRWAY_REGIONS', () => {
  it('names each region and its processes', () => {
    expect(read('atl1=http://127.0.0.1:1|http://127.0.0.1:2/, nyc2=https://nyc2.example')).toEqual([
      ['atl1', ['http://127.0.0.1:1', 'http://127.0.0.1:2']],
      ['nyc2', ['https://nyc2.example']],
    ]);
  });

  it.each([undefined, ',', 'atl1', 'atl1=', 'mars=http://a', 'atl1=ftp://a', 'atl1=http://a|'])(
    'is not %s',
    (regions) => {
      expect(() => read(regions)).toThrow(/FAIRWAY_REGIONS/);
    },
  );
});

describe('time-outs of a region', () => {
  const times = (connectMs: number, readMs: number): unknown =>
    readCentralConfig({
      FAIRWAY_NATS_URL: 'nats://n',
      FAIRWAY_REGIONS: 'atl1=http://a',
      FAIRWAY_CONNECT_TIMEOUT_MS: String(connectMs),
      FAIRWAY_READ_TIMEOUT_MS: String(readMs),
    });

  it('leave a read more time than its connection', () => {
    expect(times(1000, 1001)).toBeDefined();
    for (const readMs of [1000, 999])
      expect(() => times(1000, readMs)).toThrow(
        /FAIRWAY_READ_TIMEOUT_MS: must be more than FAIRWAY_CONNECT_TIMEOUT_MS/,
      );
  });
});
