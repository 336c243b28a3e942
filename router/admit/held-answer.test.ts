import { describe, expect, it } from 'vitest';
import { HeldAnswer } from './held-answer.ts';
import { SharedRoom } from './shared-room.ts';

const kibibyte = 1024;

describe('HeldAnswer', () => {
  it('takes what its endpoint’s share has room for, and gives back all of it once', () => {
    const room = new SharedRoom(1000 * kibibyte);
    const [long, other] = [new HeldAnswer(room, 'a'), new HeldAnswer(room, 'b')];
    expect([long.grow(700 * kibibyte), long.grow(200 * kibibyte), room.held('a')]).toEqual([
      true,
      true,
      900 * kibibyte,
    ]);
    expect([long.grow(kibibyte), other.grow(80 * kibibyte), other.grow(10 * kibibyte)]).toEqual([false, true, false]);
    long.giveBack();
    long.giveBack();
    expect([room.held('a'), room.total, other.grow(200 * kibibyte)]).toEqual([0, 80 * kibibyte, true]);
  });

  it('holds the first 16 KiB without room, and counts them', () => {
    const room = new SharedRoom(0);
    const held = new HeldAnswer(room, 'a');
    expect([held.grow(10 * kibibyte), held.grow(6 * kibibyte), held.grow(1), room.total]).toEqual([
      true,
      true,
      false,
      16 * kibibyte,
    ]);
    held.giveBack();
    expect(room.total).toBe(0);
  });
});
