import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LedgerChaos, type ChaosStep } from './ledger-chaos.ts';

const routers = 3;
const router = fc.nat(routers - 1);
const share = fc.constantFrom(0, 0.1, 0.4);
const act = <Do extends ChaosStep['do']>(...names: Do[]) => fc.record({ do: fc.constantFrom(...names), router });
const step: fc.Arbitrary<ChaosStep> = fc.oneof(
  { arbitrary: act('begin'), weight: 6 },
  { arbitrary: act('end'), weight: 3 },
  {
    arbitrary: fc.record({ do: fc.constant('serve' as const), router, work: fc.integer({ min: 1, max: 9999 }) }),
    weight: 2,
  },
  { arbitrary: act('kill', 'restart', 'pause', 'resume', 'cut', 'join', 'split'), weight: 6 },
  { arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'heal' as const) }), weight: 2 },
  {
    arbitrary: fc.record({
      do: fc.constant('misbehave' as const),
      faults: fc.record({ jitterMs: fc.constantFrom(0, 400), loss: share, duplication: share }),
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 300, 1000, 4000) }), weight: 8 },
);

it('whatever happens: rows never go back, the dead do not count, who is cut off forgets nothing, and all know the truth in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const chaos = new LedgerChaos(routers);
      for (const one of steps) await chaos.step(one);
      await chaos.settle();
    }),
    { numRuns: 1000 },
  );
  expect.assertions(0);
});
