import { expect, it } from 'vitest';
import { replicaAt } from '#shared/testing/documents.ts';
import type { Slot, Work } from '../../pick/picker.ts';
import { BrainLab, labLimits, type LabRouter } from '../brain-lab.ts';

/**
 * Two routers that have served conversations of so many turns before one replica, whose cache has room for 160 blocks, and
 * which computes 50 of them a second, after what every request takes, milliseconds.
 */
async function make({ turns = 3, requestMs = 0 } = {}) {
  const { engine } = new BrainLab().pool;
  const lab = new BrainLab({ replicas: [replicaAt(1)], engine: { ...engine, kvTokens: 40_000 } });
  const routers = ['a', 'b'].map((name) =>
    lab.start(name, { lateBinding: true, limits: { ...labLimits, turnTimeoutMs: 60_000 } }),
  );
  const [first, second] = routers as [LabRouter, LabRouter];
  const conversation = (user: number, blocks = 100, more: Partial<Work> = {}): Work => {
    const work = lab.work(
      Array.from({ length: blocks }, (_, at) => BigInt(1000 * user + at)),
      { streamed: true, ...more },
    );
    return { ...work, prompt: { ...work.prompt, firstUserEnd: 0 } };
  };
  /** Whether it has gone, and where it is. */
  const ask = (router: LabRouter, work: Work): { slot?: Slot } => {
    const asked: { slot?: Slot } = {};
    void router.acquire(work).then((slot) => {
      slot.accepted();
      return (asked.slot = slot);
    });
    return asked;
  };
  const serve = async (router: LabRouter, work: Work, ms: number): Promise<void> => {
    const asked = ask(router, work);
    await lab.advance(100);
    using slot = asked.slot ?? expect.fail();
    await lab.advance(Math.max(0, ms - 100));
    slot.began();
    slot.ended({ kind: 'answered', usage: undefined });
  };
  for (const router of routers)
    for (let turn = 0; turn < 16 * turns; turn++) {
      const [user, more] = [1 + Math.floor(turn / turns), turn % turns];
      const blocks = user % 2 === 0 ? 100 : 20;
      await serve(router, conversation(100 * user, blocks + more), requestMs + (more === 0 ? 20 * blocks : 0));
    }
  await lab.advance(60_000);
  return { lab, first, second, conversation, ask };
}

/** What every request takes is no reason to hold one that brings next to nothing besides. */
const paces = [{ requestMs: 0 }, { requestMs: 400 }, { requestMs: 1500 }];

it.each(paces)(
  'one cold prompt is computed at a time while the cache is full of it, whichever router has the next; hot turns go: %o',
  async (pace) => {
    const { lab, first, second, conversation, ask } = await make(pace);
    const one = ask(first, conversation(1));
    await lab.advance(100);
    expect(one.slot).toBeDefined();
    const held = [ask(second, conversation(2)), ask(first, conversation(3))];
    const hot = ask(second, conversation(1, 101));
    await lab.advance(500);
    expect([hot.slot !== undefined, ...held.map(({ slot }) => slot)]).toEqual([true, undefined, undefined]);
    one.slot?.began();
    await lab.advance(100);
    expect(held.filter(({ slot }) => slot !== undefined)).toHaveLength(1);
  },
);

it.each(paces)(
  'a flow that has had far more than others waits with what is not brief, and is brief at once: %o',
  async (pace) => {
    const { lab, first, second, conversation, ask } = await make(pace);
    first.brain.table.flows.served('flood', 4_000_000, lab.clock.monotonic());
    second.brain.table.flows.served('small', 1000, lab.clock.monotonic());
    const full = ask(first, conversation(1, 100, { flow: 'small' }));
    await lab.advance(800);
    full.slot?.began();
    // Routers tell each other of flows every two seconds.
    await lab.advance(1500);
    const long = ask(second, conversation(50, 20, { flow: 'flood' }));
    const brief = ask(second, conversation(1, 100, { flow: 'flood' }));
    const others = ask(second, conversation(60, 20, { flow: 'small' }));
    await lab.advance(500);
    expect([long.slot, brief.slot, others.slot].map((slot) => slot !== undefined)).toEqual([false, true, true]);
  },
);

it('where nobody comes back to what the cache holds nobody is held for it', async () => {
  const { lab, first, conversation, ask } = await make({ turns: 1 });
  const asked = [1, 2, 3, 4].map((user) => ask(first, conversation(user)));
  await lab.advance(100);
  expect(asked.every(({ slot }) => slot !== undefined)).toBe(true);
});
