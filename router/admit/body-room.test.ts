import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { BodyRoom, type ReplayCopy } from './body-room.ts';

const never = new AbortController().signal;
const roomOf = (bytes: number, firstReadBytes = Number.POSITIVE_INFINITY) => {
  const clock = createTestClock();
  return { clock, room: new BodyRoom({ bytes, firstReadBytes, waitMs: 1000 }, clock) };
};

/** A copy of so many bytes that an engine has got. */
function copyIn(room: BodyRoom, endpointId: string, bytes: number): ReplayCopy & { gone: boolean } {
  const copy = {
    endpointId,
    gone: false,
    giveUp: () => {
      copy.gone = true;
      room.giveBack(endpointId, bytes);
    },
  };
  expect(room.take(endpointId, bytes)).toBe(true);
  room.addCopy(copy);
  return copy;
}

describe('room for bodies', () => {
  it('is made by giving up copies, the oldest and the endpoint’s own first, and no more than is needed', () => {
    const { room } = roomOf(1000);
    const foreign = copyIn(room, 'b', 300);
    const [first, second] = [copyIn(room, 'a', 200), copyIn(room, 'a', 200)];
    const gone = (): boolean[] => [foreign, first, second].map((copy) => copy.gone);
    expect([room.take('a', 300), ...gone()]).toEqual([true, false, false, false]);
    expect([room.take('a', 100), ...gone()]).toEqual([true, false, true, false]);
    expect([room.take('a', 300), ...gone()]).toEqual([true, false, true, true]);
    expect([room.take('a', 200), ...gone()]).toEqual([true, true, true, true]);
    expect([room.take('a', 300), room.total]).toEqual([false, 900]);
  });

  it('is not made of a copy that is needed again', () => {
    const { room } = roomOf(1000);
    const copy = copyIn(room, 'a', 800);
    room.removeCopy(copy);
    expect([room.take('b', 300), copy.gone]).toEqual([false, false]);
  });

  it('is waited for in order; another endpoint is not kept waiting', async () => {
    const { room } = roomOf(1000);
    expect(room.take('a', 800)).toBe(true);
    const order: string[] = [];
    const enter = async (name: string, endpointId: string, bytes: number): Promise<void> => {
      if (await room.reserve(endpointId, bytes, never)) order.push(name);
    };
    const all = [enter('large', 'a', 500), enter('small', 'a', 10), enter('other', 'b', 100)];
    await all[2];
    expect([order, room.waiting]).toEqual([['other'], 2]);
    room.giveBack('a', 800);
    await Promise.all(all);
    expect([order, room.waiting, room.total]).toEqual([['other', 'large', 'small'], 0, 610]);
  });

  it('is waited for no longer than it may, nor than the client does', async () => {
    const { room, clock } = roomOf(1000);
    expect(room.take('a', 800)).toBe(true);
    const leaving = new AbortController();
    const left = expect(room.reserve('a', 100, leaving.signal)).rejects.toBe('left');
    const late = room.reserve('a', 100, never);
    leaving.abort('left');
    await left;
    await clock.advance(1000);
    expect([await late, room.waiting, room.total]).toEqual([false, 0, 800]);
  });

  it('is not waited for where the line is full: its first read would have no room', async () => {
    const { room, clock } = roomOf(1000, 220_000);
    expect(room.take('a', 800)).toBe(true);
    const waits = [1e6, 0, 50_000, 1e6].map((bytes) => room.reserve('a', bytes, never));
    expect([await waits[3], room.waiting, room.unreadBytes]).toEqual([false, 3, 2 * 65_536 + 50_000]);
    const other = room.reserve('b', 30_000, never);
    expect(room.waiting).toBe(4);
    await clock.advance(1000);
    expect(await Promise.all([...waits, other])).toEqual(Array(5).fill(false));
    expect(room.unreadBytes).toBe(0);
  });

  it('is found in line as soon as a copy may be given up', async () => {
    const { room } = roomOf(1000);
    expect(room.take('a', 800)).toBe(true);
    const waiting = room.reserve('a', 500, never);
    room.addCopy({ endpointId: 'a', giveUp: () => room.giveBack('a', 800) });
    expect([await waiting, room.total]).toEqual([true, 500]);
  });

  it('keeps its books, whoever takes, waits, copies and leaves', async () => {
    const step = fc.record({
      what: fc.constantFrom('take', 'copy', 'wait', 'leave', 'back'),
      endpointId: fc.constantFrom('a', 'b'),
      bytes: fc.integer({ min: 1, max: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { room, clock } = roomOf(100);
        const held: { endpointId: string; bytes: number }[] = [];
        const drop = (one: (typeof held)[number] | undefined): void => {
          if (one === undefined || !held.includes(one)) return;
          held.splice(held.indexOf(one), 1);
          room.giveBack(one.endpointId, one.bytes);
        };
        const waits: { leave: AbortController; over: Promise<unknown> }[] = [];
        for (const { what, endpointId, bytes } of steps) {
          const one = { endpointId, bytes };
          if (what === 'take' || what === 'copy') {
            if (room.take(endpointId, bytes)) held.push(one);
            if (what === 'copy' && held.includes(one)) room.addCopy({ endpointId, giveUp: () => drop(one) });
          } else if (what === 'wait') {
            const leave = new AbortController();
            const over = room.reserve(endpointId, bytes, leave.signal).then(
              (ok) => ok && held.push(one),
              () => {},
            );
            waits.push({ leave, over });
          } else if (what === 'leave') waits.pop()?.leave.abort('left');
          else drop(held[0]);
          await clock.advance(100);
          expect(room.total).toBe(held.reduce((sum, each) => sum + each.bytes, 0));
          expect(room.total).toBeLessThanOrEqual(100);
        }
        for (const { leave } of waits) leave.abort('left');
        await Promise.all(waits.map(({ over }) => over));
        while (held.length > 0) drop(held[0]);
        expect([room.total, room.waiting, room.unreadBytes]).toEqual([0, 0, 0]);
      }),
    );
  });
});
