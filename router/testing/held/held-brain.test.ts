import { expect, it } from 'vitest';
import { replicaAt } from '#shared/testing/documents.ts';
import type { Slot, Work } from '../../pick/picker.ts';
import { BrainLab, labLimits, type LabRouter } from '../brain-lab.ts';

/** Two routers before one replica, whose cache has room for 160 blocks, and which computes 50 of them a second. */
async function make() {
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
  for (const router of routers)
    for (let user = 1; user <= 16; user++) {
      const blocks = user % 2 === 0 ? 100 : 20;
      const asked = ask(router, conversation(100 * user, blocks));
      await lab.advance(100);
      using slot = asked.slot ?? expect.fail();
      await lab.advance(20 * blocks - 100);
      slot.began();
      slot.ended({ kind: 'answered', usage: undefined });
    }
  await lab.advance(60_000);
  return { lab, first, second, conversation, ask };
}

it('one cold prompt is computed at a time while the cache is full of it, whichever router has the next; hot turns go', async () => {
  const { lab, first, second, conversation, ask } = await make();
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
});

it('a flow that has had far more than others waits with what is not brief, and is brief at once', async () => {
  const { lab, first, second, conversation, ask } = await make();
  first.brain.table.flows.served('flood', 4_000_000, lab.clock.monotonic());
  second.brain.table.flows.served('small', 1000, lab.clock.monotonic());
  const full = ask(first, conversation(1, 100, { flow: 'small' }));
  await lab.advance(800);
  full.slot?.began();
  const long = ask(second, conversation(50, 20, { flow: 'flood' }));
  const brief = ask(second, conversation(1, 100, { flow: 'flood' }));
  const others = ask(second, conversation(60, 20, { flow: 'small' }));
  await lab.advance(500);
  expect([long.slot, brief.slot, others.slot].map((slot) => slot !== undefined)).toEqual([false, true, true]);
});
