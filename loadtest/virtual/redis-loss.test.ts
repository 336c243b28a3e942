import { expect, it } from 'vitest';
import { scenarioSchema } from './scenario.ts';
import { simulate } from './simulate.ts';

it.each([1, 2, 3])(
  'the minute in which Redis is dead costs four routers at most 5 points of hits (seed %i)',
  async (seed) => {
    const text = { seed, engineers: 300, replicas: 8, routers: 4, minutes: 4, warmUpMinutes: 3 };
    const shared = await simulate(scenarioSchema.parse(text));
    const dead = await simulate(scenarioSchema.parse({ ...text, faults: [{ kind: 'redis', at: 180, seconds: 60 }] }));
    expect(dead.hits).toBeGreaterThan(shared.hits - 0.05);
    expect([dead.refused, dead.broken]).toEqual([0, 0]);
  },
  // Two seconds of a core, which other tests may want, too.
  120_000,
);
