import { describe, expect, it } from 'vitest';
import { Arrivals, chunkedCost } from './arrivals.ts';
import type { Source } from './intake.ts';

/** Connections of which some have a request to bring, and turns of a loop that hears all that are not paused. */
function lab({ turnMs = 1 }: { turnMs?: number } = {}) {
  let now = 0;
  const due: (() => void)[] = [];
  const full: number[] = [];
  const arrivals = new Arrivals({
    held: () => void full.push(0),
    nextTurn: (act) => due.push(act),
    now: () => now,
  });
  const open: (Source & { flows: boolean; hasRequest: boolean })[] = [];
  const add = (owner = 'a', hasRequest = true) => {
    const source = {
      owner,
      hasRequest,
      flows: true,
      pause: () => void (source.flows = false),
      resume: () => void (source.flows = true),
    };
    open.push(source);
    arrivals.rests(source);
    return source;
  };
  const crowd = (count: number, owner?: string, hasRequest?: boolean) =>
    Array.from({ length: count }, () => add(owner, hasRequest));
  /** Says how many requests came; those that `last` has come behind all others, as the kernel may have it. */
  const turn = (last: readonly Source[] = [], cost?: number): number => {
    due.shift()?.();
    now += turnMs;
    let came = 0;
    for (const source of [...open.filter((one) => !last.includes(one)), ...open.filter((one) => last.includes(one))]) {
      if (!source.flows || !source.hasRequest) continue;
      source.hasRequest = false;
      came += 1;
      arrivals.arrived(source, cost);
    }
    return came;
  };
  return { arrivals, add, crowd, turn, due, full };
}

describe('what a turn of the event loop hears of requests', () => {
  it('is its share, however many have come, and all are heard in the end', () => {
    const { crowd, turn, arrivals, full } = lab();
    const all = crowd(1000);
    const came: number[] = [];
    while (all.some(({ hasRequest }) => hasRequest)) came.push(turn());
    expect(came[0]).toBe(16);
    expect(Math.max(...came.slice(1, -16))).toBeLessThanOrEqual(5);
    expect(came.length).toBeLessThan(500);
    expect(full).not.toEqual([]);
    turn();
    expect(arrivals.waiting).toBe(0);
  });

  it('is one where the bodies may be in crumbs', () => {
    const { crowd, turn } = lab();
    crowd(20);
    const came = Array.from({ length: 30 }, () => turn([], chunkedCost));
    expect(Math.max(...came)).toBeLessThanOrEqual(2);
    expect(came.reduce((sum, count) => sum + count)).toBe(20);
  });

  it('does not make anybody wait for those who have nothing to say', () => {
    const { crowd, turn, arrivals, due } = lab();
    crowd(10_000, 'a', false);
    crowd(15);
    expect(turn()).toBe(15);
    expect(arrivals.waiting).toBe(0);
    const all = crowd(100);
    expect(turn()).toBe(16);
    expect(arrivals.waiting).toBe(10_084);
    for (let i = 0; i < 150; i++) turn();
    expect(all.every(({ hasRequest }) => !hasRequest)).toBe(true);
    expect(arrivals.waiting).toBe(0);
    expect(due).toEqual([]);
  });

  it('is more the longer they wait, so that no head is too late where turns are long', () => {
    const { crowd, turn } = lab({ turnMs: 30 });
    const all = crowd(5000);
    let turns = 0;
    for (; all.some(({ hasRequest }) => hasRequest); turns += 1) turn();
    expect(turns * 30).toBeLessThan(8000);
  });

  it('goes in the order in which they came to rest, also for those who bring one request after the other', () => {
    const { crowd, turn, arrivals } = lab();
    const all = crowd(100).map((source) => ({ source, served: 0 }));
    for (let i = 0; i < 300; i++) {
      turn();
      for (const one of all) {
        if (one.source.hasRequest) continue;
        one.served += 1;
        one.source.hasRequest = true;
        arrivals.rests(one.source);
      }
    }
    const served = all.map((one) => one.served);
    expect(Math.min(...served)).toBeGreaterThan(5);
    expect(Math.max(...served) - Math.min(...served)).toBeLessThan(4);
  });

  it('is shared out between endpoints', () => {
    const { crowd, turn, add } = lab();
    crowd(1000);
    const other = add('b');
    for (let i = 0; i < 3; i++) turn([other]);
    expect(other.hasRequest).toBe(false);
  });

  it('is something of each in the end, even if others come first in every turn', () => {
    const { crowd, turn } = lab();
    const late = crowd(40);
    const busy = crowd(16, 'b');
    for (let i = 0; i < 400; i++) {
      for (const one of busy) one.hasRequest = true;
      turn(late);
    }
    expect(late.every(({ hasRequest }) => !hasRequest)).toBe(true);
  });

  it('leaves out who has left', () => {
    const { crowd, turn, arrivals } = lab();
    const all = crowd(22);
    turn();
    expect(arrivals.waiting).toBe(6);
    for (const one of all) arrivals.leave(one);
    expect(arrivals.waiting).toBe(0);
  });
});
