import { expect, it } from 'vitest';
import { BlockCache, type BlockLease } from './block-cache.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

it('keeps a copy private when two requests compute the same block', () => {
  const cache = new BlockCache(4);
  const [first, second] = [cache.reserve([7], 0, 1), cache.reserve([7], 0, 1)];
  if (first === undefined || second === undefined) throw new Error('both fit');
  cache.publish(first, [7], 1);
  cache.publish(second, [7], 1);
  expect(cache.held).toBe(2);
  cache.release(second);
  expect([cache.held, cache.idle]).toEqual([1, 0]);
  cache.release(first);
  expect([cache.held, cache.idle]).toEqual([0, 1]);
});

it('gives back twice without harm', () => {
  const cache = new BlockCache(4);
  const lease = cache.reserve([], 0, 3);
  if (lease === undefined) throw new Error('it fits');
  cache.release(lease);
  cache.release(lease);
  expect(cache.held).toBe(0);
});

it.each([11, 12, 13])('never holds more than its capacity (seed %i)', (seed) => {
  const random = seededRandom(seed);
  const cache = new BlockCache(50);
  const open: { lease: BlockLease; chain: number[] }[] = [];
  for (let turn = 0; turn < 5000; turn += 1) {
    const name = Math.floor(random() * 8) * 1000;
    const chain = Array.from({ length: 1 + Math.floor(random() * 20) }, (_, index) => name + index);
    const matched = cache.match(chain, chain.length);
    const lease = cache.reserve(chain, matched, chain.length - matched);
    if (lease !== undefined) {
      cache.publish(lease, chain, Math.max(matched, chain.length - Math.floor(random() * 2)));
      open.push({ lease, chain });
    }
    if (lease === undefined || random() < 0.3) {
      const [gone] = open.splice(Math.floor(random() * open.length), 1);
      if (gone !== undefined) cache.release(gone.lease);
    }
    expect(cache.held + cache.idle).toBeLessThanOrEqual(50);
    for (const { lease: own, chain: blocks } of open) expect(cache.match(blocks, own.named)).toBe(own.named);
  }
  for (const { lease } of open) cache.release(lease);
  expect(cache.held).toBe(0);
});
