import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { findLeftovers } from './leftovers.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

const leaseMs = 1500;

describe('a provisioner that is paused past its lease', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ leaseMs }));
  });

  it('brings nothing back of an endpoint that was deleted meanwhile', async () => {
    const made = await Promise.all(['z1', 'z2', 'z3', 'z4'].map((name) => fairway.create(name, 1)));
    const ids = made.map(({ dedicated_inference }) => dedicated_inference.id);
    // Half of them are the paused one's work, in the middle of being made real.
    const paused = await fairway.pause('provisioner');
    try {
      for (const id of ids) expect((await fairway.api('DELETE', `/${id}`)).status).toBe(202);
      for (const id of ids)
        await eventually(async () => expect((await fairway.api('GET', `/${id}`)).status).toBe(404), {
          timeoutMs: 60_000,
        });
      await eventually(async () => expect(await findLeftovers(fairway.stack.plan, ids)).toEqual([]));
    } finally {
      process.kill(paused, 'SIGCONT');
    }
    // It wakes with old work in its hands: whatever it tries is refused or swept. An endpoint made afterwards proves
    // that it works again, and then there is still nothing.
    const after = await fairway.create('after', 1);
    await fairway.untilActive(after.dedicated_inference.id, 1);
    // That nothing comes back can only be seen by waiting: two leases more.
    await systemClock.sleep(2 * leaseMs);
    await eventually(async () => expect(await findLeftovers(fairway.stack.plan, ids)).toEqual([]));
    for (const id of ids) expect((await fairway.api('GET', `/${id}`)).status).toBe(404);
  });
});
