import { expect, it } from 'vitest';
import { BlockCache, type BlockLease } from './block-cache.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

it('keeps a copy private when two requests compute the same block', () => {
  const cache = new BlockCache(4);
  const [first, second] = [cache.hold([], 0), cache.hold([], 0)];
  expect([cache.grow(first, 1), cache.grow(second, 1)]).toEqual([true, true]);
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
  const lease = cache.hold([], 0);
  expect(cache.grow(lease, 3)).toBe(true);
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
    const fits = cache.roomBeside(chain, matched) >= chain.length - matched;
    if (fits) {
      const lease = cache.hold(chain, matched);
      expect(cache.grow(lease, chain.length)).toBe(true);
      cache.publish(lease, chain, Math.max(matched, chain.length - Math.floor(random() * 2)));
      open.push({ lease, chain });
    }
    if (!fits || random() < 0.3) {
      const [gone] = open.splice(Math.floor(random() * open.length), 1);
      if (gone !== undefined) cache.release(gone.lease);
    }
    expect(cache.held + cache.idle).toBeLessThanOrEqual(50);
    for (const { lease: own, chain: blocks } of open) expect(cache.match(blocks, own.named)).toBe(own.named);
  }
  for (const { lease } of open) cache.release(lease);
  expect(cache.held).toBe(0);
});

/** The same rules block by block: what the runs must amount to. */
class PlainCache {
  readonly holders = new Map<number, number>();
  readonly idle = new Set<number>();
  private = 0;

  match(chain: readonly number[]): number {
    const end = chain.findIndex((hash) => !this.holders.has(hash) && !this.idle.has(hash));
    return end < 0 ? chain.length : end;
  }

  hold(chain: readonly number[], length: number): void {
    for (const hash of chain.slice(0, length)) {
      this.idle.delete(hash);
      this.holders.set(hash, (this.holders.get(hash) ?? 0) + 1);
    }
    this.private += chain.length - length;
    for (const hash of this.idle) if (this.holders.size + this.private + this.idle.size > 60) this.idle.delete(hash);
  }

  /** Returns what stays private. */
  publish(chain: readonly number[], named: number): number {
    const fresh = chain.slice(named).filter((hash) => !this.holders.has(hash) && !this.idle.has(hash));
    this.private -= fresh.length;
    for (const hash of chain.slice(named)) {
      this.idle.delete(hash);
      this.holders.set(hash, (this.holders.get(hash) ?? 0) + 1);
    }
    return chain.length - named - fresh.length;
  }

  release(chain: readonly number[], copies: number): void {
    this.private -= copies;
    for (const hash of chain.toReversed()) {
      const left = (this.holders.get(hash) ?? 0) - 1;
      if (left > 0) this.holders.set(hash, left);
      else this.holders.delete(hash);
      if (left <= 0) this.idle.add(hash);
    }
  }
}

it.each([1, 2, 3, 4])('answers and evicts as if it kept every block by itself (seed %i)', (seed) => {
  const random = seededRandom(seed);
  const [cache, plain] = [new BlockCache(60), new PlainCache()];
  const open: { lease: BlockLease; chain: number[]; named: number; copies: number }[] = [];
  /** Three conversations of up to 30 blocks that branch at any place. */
  const anyChain = (): number[] => {
    const [name, branch] = [Math.floor(random() * 3) * 10_000, Math.floor(random() * 20)];
    const length = 1 + Math.floor(random() * 30);
    return Array.from({ length }, (_, block) => name + block + (block < branch ? 0 : (branch + 1) * 100));
  };
  for (let turn = 0; turn < 1500; turn += 1) {
    const chain = anyChain();
    const matched = cache.match(chain, chain.length);
    expect(matched).toBe(plain.match(chain));
    if (cache.roomBeside(chain, matched) >= chain.length - matched) {
      const lease = cache.hold(chain, matched);
      cache.grow(lease, chain.length);
      plain.hold(chain, matched);
      open.push({ lease, chain, named: matched, copies: chain.length - matched });
    }
    const one = open[Math.floor(random() * open.length)];
    if (one !== undefined && random() < 0.6 && one.named < one.chain.length) {
      cache.publish(one.lease, one.chain, one.chain.length);
      one.copies = plain.publish(one.chain, one.named);
      one.named = one.chain.length;
    }
    if (one !== undefined && random() < 0.4) {
      cache.release(one.lease);
      plain.release(one.chain.slice(0, one.named), one.copies);
      open.splice(open.indexOf(one), 1);
    }
    expect([cache.held, cache.idle]).toEqual([plain.holders.size + plain.private, plain.idle.size]);
  }
});
