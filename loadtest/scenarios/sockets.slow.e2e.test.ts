import { expect, it } from 'vitest';
import { scenarioSchema } from '#loadtest/virtual/scenario.ts';
import { simulate } from '#loadtest/virtual/simulate.ts';
import { gapOf } from './gap.ts';
import { playOnSockets } from './play-on-sockets.ts';

/** A sample of `sockets.ts`, of which `loadtest/report/sockets-beside-virtual.md` keeps whole runs: ten times as fast, and no times. */
const scenario = scenarioSchema.parse({
  engineers: 20,
  replicas: 2,
  routers: 2,
  kvBlockTokens: 16,
  minutes: 8,
  warmUpMinutes: 2,
});

it('real routers, sockets and bodies hit caches as often as the same scenario does in virtual time', async () => {
  const expected = await simulate(scenario);
  const { figures } = await playOnSockets(scenario, 0.1);
  expect(figures).toMatchObject({ refused: 0, broken: 0 });
  expect(figures.meanContext / expected.meanContext).toBeCloseTo(1, 1);
  expect(Math.abs(gapOf(expected, figures).hitPoints)).toBeLessThan(2);
});
