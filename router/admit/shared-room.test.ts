import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SharedRoom } from './shared-room.ts';

/** Takes one by one until nothing more is given. */
function fill(room: SharedRoom, key: string): number {
  let taken = 0;
  while (room.take(key, 1)) taken += 1;
  return taken;
}

describe('SharedRoom', () => {
  it('gives most of it to one that is alone, and always some to a newcomer', () => {
    const room = new SharedRoom(1000);
    expect(fill(room, 'a')).toBe(800);
    expect(fill(room, 'b')).toBe(160);
    expect(fill(room, 'c')).toBe(32);
    expect(room.take('a', 1)).toBe(false);
    room.giveBack('a', 800);
    expect([room.held('a'), room.total]).toEqual([0, 192]);
    expect(fill(room, 'b')).toBeGreaterThan(400);
  });

  it('is small without being useless', () => {
    expect([1, 2, 3].map((size) => fill(new SharedRoom(size), 'a'))).toEqual([1, 2, 3]);
    expect(new SharedRoom(0).take('a', 1)).toBe(false);
    expect(new SharedRoom(10).take('a', 11)).toBe(false);
  });

  it('keeps its books, whatever is taken and given back', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), amount: fc.integer({ min: 1, max: 30 }) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const room = new SharedRoom(100);
        const held: { key: string; amount: number }[] = [];
        for (const one of steps) {
          if (room.take(one.key, one.amount)) held.push(one);
          else for (const { key, amount } of held.splice(0, 1)) room.giveBack(key, amount);
          expect(room.total).toBe(held.reduce((sum, { amount }) => sum + amount, 0));
          expect(room.total).toBeLessThanOrEqual(100);
        }
        for (const { key, amount } of held) room.giveBack(key, amount);
        expect([room.total, room.held('a'), room.held('b'), room.held('c')]).toEqual([0, 0, 0, 0]);
      }),
    );
  });
});
