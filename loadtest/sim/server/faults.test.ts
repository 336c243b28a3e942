import { describe, expect, it } from 'vitest';
import { FaultError, FaultPlan, readFaults } from './faults.ts';

function plan(faults: unknown, seed = 1): FaultPlan {
  const made = new FaultPlan(seed);
  made.replace(readFaults(faults));
  return made;
}

describe('fault plan', () => {
  it('strikes as often as it was told', () => {
    const faults = plan([{ kind: 'die', count: 2 }]);
    expect([faults.strike()?.kind, faults.strike()?.kind, faults.strike()?.kind]).toEqual(['die', 'die', undefined]);
  });

  it('strikes with its probability, the same requests for the same seed', () => {
    const strikes = (seed: number): boolean[] => {
      const faults = plan([{ kind: 'hang', probability: 0.25 }], seed);
      return Array.from({ length: 1000 }, () => faults.strike() !== undefined);
    };
    const share = strikes(5).filter(Boolean).length / 1000;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.3);
    expect(strikes(5)).toEqual(strikes(5));
    expect(strikes(5)).not.toEqual(strikes(6));
  });

  it('goes on to the next fault when one is used up', () => {
    const faults = plan([{ kind: 'status', status: 503, count: 1 }, { kind: 'truncate' }]);
    expect([faults.strike()?.status, faults.strike()?.kind]).toEqual([503, 'truncate']);
  });

  it('slows down the engine, not single requests', () => {
    const faults = plan({
      faults: [{ kind: 'slow', factor: 3 }, { kind: 'slow', factor: 2 }, { kind: 'stall-on-term' }],
    });
    expect(faults.slowdown()).toBe(6);
    expect(faults.stallsOnTerm()).toBe(true);
    expect(faults.strike()).toBeUndefined();
  });
});

it.each([
  [{}, 'a list of faults'],
  [[7], 'an object'],
  [[{ kind: 'explode' }], 'Kinds: slow'],
  [[{ kind: 'slow', factor: 0 }], '"factor"'],
  [[{ kind: 'hang', probability: 2 }], '"probability"'],
  [[{ kind: 'die', count: 'once' }], '"count"'],
])('%j is refused with a sentence', (input, part) => {
  expect(() => readFaults(input)).toThrow(FaultError);
  expect(() => readFaults(input)).toThrow(part);
});
