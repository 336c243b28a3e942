import { describe, expect, it } from 'vitest';
import { scenarioSchema } from '#loadtest/virtual/scenario.ts';
import { awayMs, shareAtWork } from './office-day.ts';
import { collected } from './testing/trace-file.ts';
import { playedOut } from './trace/played-out.ts';
import type { Arrival } from './turn.ts';
import { openWorkload } from './workload.ts';

const hour = 3_600_000;

describe('an office day', () => {
  it('has its peaks at 11:00 and 15:00, 40 % less at lunch, 5 % after hours', () => {
    expect([8, 11, 12.75, 15, 20, 35].map(shareAtWork)).toEqual([0.05, 1, 0.6, 1, 0.05, 1]);
    expect(shareAtWork(9.75)).toBeCloseTo(0.5, 10);
  });

  it('lets each engineer come when more are at work than rank before', () => {
    const hours = (time: number, rank: number): number => awayMs(time, rank) / hour;
    expect(hours(9.75, 0.3)).toBe(0);
    expect(hours(8, 0.5)).toBeCloseTo(1.75, 10);
    expect(hours(12.75, 0.75)).toBeCloseTo(0.5, 10);
    expect(hours(20, 0.5)).toBeCloseTo(13.75, 10);
    expect([hours(20, 0.02), hours(26, 0.5)]).toEqual([0, 7.75]);
  });
});

/** What some of the engineers ask. */
function asked(
  workload: object,
  { engineers, minutes }: { engineers: number; minutes: number },
): AsyncGenerator<Arrival> {
  const scenario = scenarioSchema.parse({ engineers, workload: { kind: 'engineers', ...workload } });
  return playedOut(openWorkload(scenario), minutes * 60_000);
}

// A twentieth of them, for hours: on a busy machine that takes longer.
describe('2,000 engineers', { timeout: 120_000 }, () => {
  const [engineers, all] = [100, 20];

  it('ask a million times in eight hours, 41 times a second at the peak, as coding agents do', async () => {
    const sum = { requests: 0, atPeak: 0, prompt: 0, fresh: 0, output: 0 };
    for await (const { atMs, turn } of asked({ dayFrom: '09:00' }, { engineers, minutes: 8 * 60 })) {
      sum.requests += 1;
      if (atMs > 1.5 * hour && atMs < 2.5 * hour) sum.atPeak += 1;
      sum.prompt += turn.promptTokens;
      sum.fresh += turn.freshTokens;
      sum.output += turn.answer.tokens;
    }
    expect(Math.abs(all * sum.requests - 1e6)).toBeLessThan(0.1e6);
    expect(Math.abs((all * sum.atPeak) / 3600 - 41)).toBeLessThan(4);
    expect(Math.abs(sum.fresh / sum.requests - 1450)).toBeLessThan(150);
    expect(Math.abs(sum.output / sum.requests - 520)).toBeLessThan(40);
    expect(Math.abs(sum.fresh / sum.prompt - (1 - 0.982))).toBeLessThan(0.003);
  });

  it('have contexts of 73,000 to 78,000 tokens in the first hour of a run', async () => {
    let [requests, prompt] = [0, 0];
    for await (const { turn } of asked({}, { engineers, minutes: 60 })) {
      requests += 1;
      prompt += turn.promptTokens;
    }
    expect(prompt / requests).toBeGreaterThan(73_000);
    expect(prompt / requests).toBeLessThan(78_000);
  });

  it('ask the same for the same seed, in a day as without', async () => {
    const some = { engineers: 20, minutes: 10 };
    for (const workload of [{}, { dayFrom: '10:30' }])
      expect(await collected(asked(workload, some))).toEqual(await collected(asked(workload, some)));
  });
});

describe('a herd', () => {
  it('begins in one repository within its seconds, and asked nothing before', async () => {
    const some = { engineers: 60, minutes: 6 };
    const arrivals = await collected(asked({ herds: [{ at: 300, repository: 7 }] }, some));
    const firsts = new Map(arrivals.toReversed().map((arrival) => [arrival.client, arrival]));
    const herd = Array.from({ length: 50 }, (_, index) => firsts.get(`engineer-${59 - index}`));
    const times = herd.map((arrival) => arrival?.atMs ?? 0);
    expect([Math.min(...times) >= 300_000, Math.max(...times) <= 310_000]).toEqual([true, true]);
    const repositories = herd.map((arrival) => arrival?.turn.parts[2]);
    expect(new Set(repositories.map((part) => `${part?.kind} ${part?.id}`))).toEqual(new Set(['repository 1007']));
    expect(Math.min(...[...firsts.values()].map(({ atMs }) => atMs))).toBeLessThan(60_000);
  });

  it('cannot have more engineers than there are', () => {
    const few = { engineers: 100, minutes: 1 };
    expect(() => asked({ herds: [{ at: 0, engineers: 101 }] }, few)).toThrow('101 engineers, but');
  });
});
