import { expect, it } from 'vitest';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { BlockCache } from './block-cache.ts';
import type { CacheEvent } from './cache-event.ts';
import { Engine } from './engine.ts';
import { presets, type EnginePreset } from './presets.ts';

const small: EnginePreset = { ...presets['30b-a3b-h200'], kvTokens: 1600, maxSequences: 6, chunkTokens: 256 };

function apply(cached: Set<number>, events: readonly CacheEvent[]): void {
  for (const event of events) {
    if (event.type === 'cleared') {
      cached.clear();
      continue;
    }
    const changed = event.blocks.slice(event.from, event.to);
    if (event.type === 'stored') for (const hash of changed) cached.add(hash);
    else expect(changed.every((hash) => cached.delete(hash))).toBe(true);
  }
}

it.each([true, false])('says of every block when it is cached and when it is gone (every token: %s)', (everyToken) => {
  const random = seededRandom(3);
  const engine = new Engine(small, { everyToken, cacheEvents: true });
  const cached = new Set<number>();
  let at = 0;
  for (let index = 0; index < 300; index += 1) {
    at += 150 * random();
    const [promptTokens, outputTokens] = [1 + Math.floor(random() * 300), 1 + Math.floor(random() * 60)];
    const [name, branch] = [Math.floor(random() * 6) * 1e6, Math.floor(random() * 15)];
    const count = Math.floor((promptTokens + outputTokens) / 16);
    const blocks = Array.from({ length: count }, (_, block) => name + block + (block < branch ? 0 : branch * 1000));
    engine.advance(at);
    engine.submit({ id: String(index), promptTokens, outputTokens, blocks }, at);
    engine.advance(at);
    apply(cached, engine.takeCacheEvents());
  }
  engine.advance(1e9);
  apply(cached, engine.takeCacheEvents());
  expect(engine.stats()).toMatchObject({ running: 0, idleBlocks: cached.size });
  expect(cached.size).toBeGreaterThan(50);
  expect(engine.clearCache()).toBe(true);
  apply(cached, engine.takeCacheEvents());
  expect([engine.stats().idleBlocks, cached.size]).toEqual([0, 0]);
});

it('keeps nothing unless asked', () => {
  const engine = new Engine(small);
  engine.submit({ id: 'a', promptTokens: 64, outputTokens: 1, blocks: [1, 2, 3, 4] }, 0);
  engine.advance(1e9);
  expect(engine.takeCacheEvents()).toEqual([]);
});

it('cannot be cleared while something is held', () => {
  const cache = new BlockCache(8, { events: true });
  const lease = cache.hold([], 0);
  cache.grow(lease, 2);
  cache.publish(lease, [1, 2], 2);
  expect(cache.clear()).toBe(false);
  cache.release(lease);
  expect(cache.clear()).toBe(true);
  expect(cache.takeEvents().map(({ type }) => type)).toEqual(['stored', 'cleared']);
  expect(cache.match([1, 2], 2)).toBe(0);
});
