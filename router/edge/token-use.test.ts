import { describe, expect, it } from 'vitest';
import { useReportSchema, usesPerReport, type UseReport } from '#shared/contract/replica.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { TokenUse } from './token-use.ts';

const id = (number: number): string => `0190a1b2-c3d4-8001-8000-${String(number).padStart(12, '0')}`;
const everyMs = 60_000;
const usesMax = 2500;
const dayMs = 24 * 60 * 60 * 1000;

/** A reporter whose reports are stored while `taken` says so. */
function start() {
  const clock = createTestClock(Date.UTC(2026, 10, 26, 12));
  const reports: UseReport[] = [];
  const state = { taken: true, dropped: 0 };
  const use = new TokenUse({
    vpcId: id(9),
    routerId: 'r',
    everyMs,
    usesMax,
    deliver: (subject, text) => {
      expect(subject).toBe(`fairway.use.${id(9)}.r`);
      if (state.taken) reports.push(useReportSchema.parse(JSON.parse(text)));
      return Promise.resolve(state.taken);
    },
    onDropped: () => (state.dropped += 1),
    clock,
    log: silentLogger(),
  });
  return { clock, reports, state, use };
}

describe('tokens that were used', () => {
  it('are told once a day, by endpoint, and not before they are used', async () => {
    const { clock, reports, use } = start();
    for (const number of [1, 2, 1]) use.note({ endpointId: id(100), tokenId: id(number) });
    use.note({ endpointId: id(200), tokenId: id(3) });
    expect(reports).toEqual([]);
    await clock.advance(2 * everyMs);
    const first = { v: 1, day: '2026-11-26', tokens: { [id(100)]: [id(1), id(2)], [id(200)]: [id(3)] } };
    expect(reports).toEqual([first]);
    use.note({ endpointId: id(100), tokenId: id(1) });
    await clock.advance(10 * everyMs);
    expect(reports).toEqual([first]);
    await clock.advance(dayMs);
    use.note({ endpointId: id(100), tokenId: id(1) });
    await clock.advance(2 * everyMs);
    expect(reports.slice(1)).toEqual([{ v: 1, day: '2026-11-27', tokens: { [id(100)]: [id(1)] } }]);
    await use[Symbol.asyncDispose]();
    expect(reports).toHaveLength(2);
  });

  it('are told again until that is stored, with the day on which they were used; at the end at once', async () => {
    const { clock, reports, state, use } = start();
    state.taken = false;
    use.note({ endpointId: id(100), tokenId: id(1) });
    use.note({ endpointId: id(100), tokenId: id(2) });
    await clock.advance(dayMs);
    use.note({ endpointId: id(100), tokenId: id(2) });
    expect(reports).toEqual([]);
    state.taken = true;
    await use[Symbol.asyncDispose]();
    expect(reports.map(({ day, tokens }) => [day, tokens[id(100)]])).toEqual([
      ['2026-11-26', [id(1)]],
      ['2026-11-27', [id(2)]],
    ]);
    expect(clock.sleepers()).toBe(0);
  });

  it('go out in batches, and are bounded', async () => {
    const { clock, reports, state, use } = start();
    expect(usesMax).toBeGreaterThan(2 * usesPerReport);
    for (let number = 0; number < usesMax + 5; number += 1) use.note({ endpointId: id(100), tokenId: id(number) });
    expect(state.dropped).toBe(5);
    await clock.advance(2 * everyMs);
    expect(reports.map(({ tokens }) => tokens[id(100)]?.length)).toEqual([1000, 1000, 500]);
    await clock.advance(dayMs);
    use.note({ endpointId: id(100), tokenId: id(usesMax + 1) });
    expect(state.dropped).toBe(5);
    await use[Symbol.asyncDispose]();
  });
});
