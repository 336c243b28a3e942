import { beforeAll, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { changes, drainUnder, faults } from './drains/drain-faults.ts';
import { startSlowStack } from './drains/long-streams.ts';
import type { TestStack } from './test-stack.ts';

/** A sample of `drains/drains.ts`, of which `loadtest/report/drains.md` keeps a whole run. */
describe('50 open streams on replicas that are drained', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startSlowStack());
  });

  const cases = faults.map((fault, at) => ({ fault, change: changes[at % 2] ?? changes[0] }));
  it.each(cases)('$change, $fault: none is truncated', async ({ fault, change }) => {
    const outcome = await drainUnder(fairway, { change, fault, faultMs: fault === 'none' ? 0 : 12_000 });
    expect(outcome.truncated).toEqual([]);
    expect(outcome.outlasting).toBe(50);
    // Of a router that is not heard nothing is known: that is told, not 0.
    if (fault === 'router paused') expect(outcome.told).toContain(null);
    expect(outcome.told).not.toContain(0);
  });
});
