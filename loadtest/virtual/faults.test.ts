import { describe, expect, it } from 'vitest';
import { scenarioSchema, type Fault } from './scenario.ts';
import { simulate } from './simulate.ts';

const engineers = 60;
const calm = { engineers, replicas: 3, routers: 3, minutes: 5, warmUpMinutes: 1 } as const;

/** What the same engineers see while something goes wrong. */
function suffering(...faults: Fault[]): ReturnType<typeof simulate> {
  return simulate(scenarioSchema.parse({ ...calm, faults }));
}

// Simulations compute for seconds; on a busy machine that takes longer.
describe('a fault', { timeout: 120_000 }, () => {
  it('of Redis breaks nothing, and is seen in the caches that are missed', async () => {
    const shared = await suffering();
    const alone = await suffering({ kind: 'redis', at: 60, seconds: 240 });
    expect([alone.refused, alone.broken]).toEqual([0, 0]);
    expect(alone.hits).toBeLessThan(shared.hits);
  });

  it('of a router breaks the streams that it carries, and no others', async () => {
    const killed = await suffering({ kind: 'kill-router', at: 150, index: 0, seconds: 20 });
    expect(killed.broken).toBeGreaterThan(0);
    expect(killed.broken).toBeLessThanOrEqual(killed.inFlightMax);
    expect(killed.refused).toBe(0);
    const paused = await suffering({ kind: 'pause-router', at: 150, index: 0, seconds: 6 });
    expect([paused.refused, paused.broken]).toEqual([0, 0]);
    expect(paused.ttft.p99).toBeGreaterThan((await suffering()).ttft.p99);
  });

  it('of a replica is made good by the others until it is back', async () => {
    const well = await suffering();
    const killed = await suffering({ kind: 'kill-replica', at: 150, index: 0, seconds: 30 });
    expect(killed.refused).toBe(0);
    expect(killed.hits).toBeLessThan(well.hits);
    const slow = await suffering({ kind: 'slow', at: 60, replicas: 1, factor: 3 });
    expect(slow.ttft.mean).toBeGreaterThan(well.ttft.mean);
  });

  it('that is none: a rollout takes caches one after the other, and breaks no answer', async () => {
    const rolled = await suffering({ kind: 'rollout', at: 70, seconds: 20 });
    expect([rolled.refused, rolled.broken]).toEqual([0, 0]);
    expect(rolled.hits).toBeLessThan((await suffering()).hits);
  });

  it('of a cold start is seen until the replicas are there', async () => {
    const cold = await suffering({ kind: 'cold-start', at: 100, seconds: 40 });
    expect(cold.refused).toBeGreaterThan(0);
    expect(cold.broken).toBe(0);
    expect(cold.ttft.p95).toBeGreaterThan((await suffering()).ttft.p95);
    const begun = { ...calm, minutes: 10, warmUpMinutes: 5, faults: [{ kind: 'cold-start', at: 0, seconds: 20 }] };
    expect((await simulate(scenarioSchema.parse(begun))).refused).toBe(0);
  });

  it('that changes who is there is refused beside a rule that cannot know of it', () => {
    const faults = [{ kind: 'rollout', at: 0, seconds: 1 }];
    expect(() => scenarioSchema.parse({ ...calm, policy: 'llm_d', faults })).toThrow('come and go');
  });

  it('of a client takes from the others what a flood can take', async () => {
    const flooded = await suffering({ kind: 'flood', at: 60, clients: 30 });
    expect(flooded.ttft.p95).toBeGreaterThan((await suffering()).ttft.p95);
  });

  it('of a router or replica that the scenario does not have is refused', () => {
    for (const kind of ['kill-router', 'pause-router', 'kill-replica'] as const)
      expect(() => suffering({ kind, at: 0, index: 3, seconds: 1 })).toThrow('does not have');
  });
});
