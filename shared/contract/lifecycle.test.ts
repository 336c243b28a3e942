import { describe, expect, it } from 'vitest';
import {
  IllegalTransitionError,
  initialLifecycle,
  lifecycleEvents,
  lifecycleStates,
  mayTransition,
  transition,
} from './lifecycle.ts';

/** The whole table once more, by hand: `-` is forbidden. Columns in the order of lifecycleEvents. */
const expected: Record<string, string[]> = {
  new: ['provisioning', '-', '-', '-', 'deleting', '-'],
  provisioning: ['provisioning', 'active', 'error', '-', 'deleting', '-'],
  active: ['updating', 'active', '-', 'updating', 'deleting', '-'],
  updating: ['updating', 'active', 'error', 'updating', 'deleting', '-'],
  deleting: ['-', '-', '-', '-', 'deleting', 'gone'],
  error: ['provisioning', 'active', 'error', '-', 'deleting', '-'],
  gone: ['-', '-', '-', '-', 'gone', 'gone'],
};

describe('transition', () => {
  for (const state of lifecycleStates) {
    for (const [column, event] of lifecycleEvents.entries()) {
      const cell = expected[state]?.[column] ?? '?';
      it(`${state} × ${event} → ${cell}`, () => {
        const previous = { state, lifecycleSeq: 7, live: false };
        expect(mayTransition(state, event)).toBe(cell !== '-');
        if (cell === '-') {
          expect(() => transition(previous, event)).toThrow(IllegalTransitionError);
          return;
        }
        const next = transition(previous, event);
        expect(next.state).toBe(cell);
        expect(next.lifecycleSeq).toBe(cell === state ? 7 : 8);
      });
    }
  }

  it('keeps serving what is live when a change is rejected', () => {
    const live = { state: 'updating', lifecycleSeq: 4, live: true } as const;
    expect(transition(live, 'rejected')).toEqual({ state: 'active', lifecycleSeq: 5, live: true });
  });

  it('is no longer live once deletion was asked for', () => {
    const proved = transition(transition(initialLifecycle, 'accepted'), 'proved');
    expect(proved).toEqual({ state: 'active', lifecycleSeq: 2, live: true });
    expect(transition(proved, 'deleteRequested').live).toBe(false);
  });
});
