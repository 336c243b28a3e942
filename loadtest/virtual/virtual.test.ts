import { describe, expect, it } from 'vitest';
import { scenarioSchema } from './scenario.ts';
import { simulate } from './simulate.ts';

const small = scenarioSchema.parse({ engineers: 40, replicas: 2, routers: 2, minutes: 4, warmUpMinutes: 1 });

// Simulations compute for seconds; on a busy machine that takes longer.
describe('a simulation', { timeout: 120_000 }, () => {
  it('gives the same figures for the same seed, and others for another', async () => {
    const first = JSON.stringify(await simulate(small));
    expect(JSON.stringify(await simulate(small))).toBe(first);
    expect(JSON.stringify(await simulate({ ...small, seed: 2 }))).not.toBe(first);
  });

  it('shows what caches are worth: with affinity engines compute far less than with the least load', async () => {
    const affinity = await simulate(small);
    const leastLoad = await simulate({ ...small, policy: 'least_in_flight' });
    expect(1 - affinity.hits).toBeLessThan(0.7 * (1 - leastLoad.hits));
    expect(affinity.ttft.mean).toBeLessThan(leastLoad.ttft.mean);
  });

  it('holds and sheds requests under overload, but where late binding is off', async () => {
    const overloaded = { ...small, engineers: 120, replicas: 1 };
    const greedy = await simulate({ ...overloaded, lateBinding: false });
    const late = await simulate(overloaded);
    expect([greedy.refused, late.refused > 0]).toEqual([0, true]);
    expect(late.ttft.mean).toBeLessThan(0.8 * greedy.ttft.mean);
  });
});
