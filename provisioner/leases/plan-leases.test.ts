import { describe, expect, it } from 'vitest';
import { ownerOf, planLeases, shardOf, type ShardRow } from './plan-leases.ts';

const shards = Array.from({ length: 16 }, (_, shard) => shard);
const rows = (holder: (shard: number) => string | null): ShardRow[] =>
  shards.map((shard) => ({ shard, holder: holder(shard), seq: shard + 1 }));

describe('planLeases', () => {
  it('takes everything when alone', () => {
    const steps = planLeases({ instanceId: 'a', members: ['a'], rows: rows(() => null) });
    expect(steps.filter((step) => step.kind === 'take')).toHaveLength(16);
    expect(steps.map((step) => step.expectedSeq)).toEqual(shards.map((shard) => shard + 1));
  });

  it('shares between two, without overlap, and both get some', () => {
    const members = ['a', 'b'];
    const takenBy = (instanceId: string): number[] =>
      planLeases({ instanceId, members, rows: rows(() => null) }).map((step) => step.shard);
    const [a, b] = [takenBy('a'), takenBy('b')];
    expect([...a, ...b].toSorted((x, y) => x - y)).toEqual(shards);
    expect(Math.min(a.length, b.length)).toBeGreaterThan(0);
  });

  it('releases what belongs to a newcomer and waits until the other has released', () => {
    const members = ['a', 'b'];
    const held = rows(() => 'a');
    const released = planLeases({ instanceId: 'a', members, rows: held });
    expect(released.length).toBeGreaterThan(0);
    expect(released.every((step) => step.kind === 'release' && ownerOf(step.shard, members) === 'b')).toBe(true);
    expect(planLeases({ instanceId: 'b', members, rows: held })).toEqual([]);
  });

  it('takes over from the dead', () => {
    expect(planLeases({ instanceId: 'b', members: ['b'], rows: rows(() => 'a') })).toHaveLength(16);
  });

  it('does nothing without a beat of its own', () => {
    expect(planLeases({ instanceId: 'a', members: [], rows: rows(() => null) })).toEqual([]);
  });
});

describe('shardOf', () => {
  it('spreads keys over all shards', () => {
    const used = new Set(Array.from({ length: 500 }, (_, index) => shardOf(`key-${index}`, 16)));
    expect(used.size).toBe(16);
  });
});
