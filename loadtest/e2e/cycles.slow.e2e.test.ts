import { expect, it } from 'vitest';
import type { StoreCensus } from './cycles/census.ts';
import { runCycles } from './cycles/run-cycles.ts';

/** A sample of `cycles/cycles.ts`, of which `loadtest/report/cycles.md` keeps a whole run. */
it('leaves nothing of 200 create/delete cycles that has no end, and nothing at all when that has come', async () => {
  const { before, after, expired, processes } = await runCycles({ cycles: 200, clients: 16 });
  const lastingOf = ({ streams: { EVENTS: _events, AUDIT: _audit, ...others } }: StoreCensus) =>
    Object.entries(others).map(([name, { lasting }]) => [name, lasting]);
  expect(lastingOf(after)).toEqual(lastingOf(before));
  const lines = { events: after.streams['EVENTS']?.messages ?? 0, audit: after.streams['AUDIT']?.messages };
  expect(lines.audit).toBe(3 * 200);
  expect(lines.events).toBeGreaterThanOrEqual(3 * 200);
  const messagesOf = ({ streams }: StoreCensus) =>
    Object.entries(streams).map(([name, { messages }]) => [name, messages]);
  expect(messagesOf(expired)).toEqual(messagesOf(before));
  expect([expired.redisKeys, expired.objects]).toEqual([before.redisKeys, before.objects]);
  const [start, ...later] = processes;
  const handlesAtStart = new Map(start?.census.map(({ name, handles }) => [name, handles]));
  for (const { name, handles } of later.at(-1)?.census ?? [])
    expect(handles, name).toBeLessThanOrEqual((handlesAtStart.get(name) ?? 0) + 32);
});
