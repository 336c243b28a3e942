import { describe, expect, it } from 'vitest';
import { Intake, type Source } from './intake.ts';

const readBytes = 64 * 1024;

/** Sources with so many bytes to bring, read by read, and turns of a loop that takes what flows. */
function lab(turnBytes: number) {
  const due: (() => void)[] = [];
  const held: number[] = [];
  const intake = new Intake(turnBytes, { held: () => void held.push(0), nextTurn: (act) => due.push(act) });
  const open: (Source & { left: number; flows: boolean })[] = [];
  const add = (bytes: number, owner = 'a') => {
    const source = {
      owner,
      left: bytes,
      flows: true,
      pause: () => void (source.flows = false),
      resume: () => void (source.flows = true),
    };
    open.push(source);
    return source;
  };
  /** As libuv does: whoever has more goes on bringing until it is told to wait. Says how much came. */
  const turn = (): number => {
    due.shift()?.();
    let sum = 0;
    for (const source of open)
      while (source.flows && source.left > 0) {
        const bytes = Math.min(readBytes, source.left);
        source.left -= bytes;
        sum += bytes;
        intake.took(source, bytes);
      }
    for (const source of open) if (source.left === 0) intake.leave(source);
    return sum;
  };
  return { intake, add, turn, held, due };
}

describe('what a turn of the event loop takes in', () => {
  it('is its share once all have been heard, however much they have to bring', () => {
    const { add, turn, intake } = lab(2 * readBytes);
    const sources = Array.from({ length: 100 }, () => add(10 * readBytes));
    expect(turn()).toBeLessThanOrEqual(101 * readBytes);
    const sums: number[] = [];
    while (sources.some(({ left }) => left > 0)) sums.push(turn());
    expect(Math.max(...sums)).toBeLessThanOrEqual(3 * readBytes);
    expect(intake.waiting).toBe(0);
  });

  it('is all of an upload that is alone, within two turns, and no turn is asked for when nothing comes', () => {
    const { add, turn, due } = lab(4 * readBytes);
    add(6 * readBytes);
    expect(turn()).toBe(4 * readBytes);
    expect(turn()).toBe(2 * readBytes);
    turn();
    expect(due).toEqual([]);
  });

  it('is no less from who brings little', () => {
    const { add, turn, held } = lab(readBytes);
    for (let i = 0; i < 20; i++) add(10 * readBytes);
    turn();
    const waits = held.length;
    const short = Array.from({ length: 50 }, () => add(2000));
    turn();
    expect(short.every(({ left, flows }) => left === 0 && flows)).toBe(true);
    expect(held.length).toBeLessThan(waits + 5);
  });

  it('is shared out between endpoints, and under one the first come goes first', () => {
    const { add, turn } = lab(readBytes);
    const crowd = Array.from({ length: 100 }, () => add(10 * readBytes));
    turn();
    const other = add(4 * readBytes, 'b');
    for (let i = 0; i < 9; i++) turn();
    expect(other.left).toBe(0);
    const begun = crowd.filter(({ left }) => left < 9 * readBytes).length;
    expect(begun).toBeGreaterThan(2);
    expect(crowd.slice(0, begun).every(({ left }) => left < 9 * readBytes)).toBe(true);
  });

  it('does not wait for one that has left', () => {
    const { add, turn, intake } = lab(readBytes);
    const [gone] = [add(10 * readBytes), add(10 * readBytes)];
    turn();
    expect(intake.waiting).toBe(2);
    intake.leave(gone);
    intake.leave(gone);
    expect(intake.waiting).toBe(1);
    gone.flows = false;
    turn();
    expect(gone.left).toBe(9 * readBytes);
  });
});
