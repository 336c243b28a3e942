import { expect, it } from 'vitest';
import { runEngine } from '../testing/run-engine.ts';
import { Engine, type EngineEvent } from './engine.ts';
import { presets, type EnginePreset } from './presets.ts';
import { pairsOf, stepMs } from './step-cost.ts';
import type { EngineRequest } from './sequence.ts';

/** Forty blocks of sixteen tokens. */
const tiny: EnginePreset = { ...presets['30b-a3b-h200-2025'], kvTokens: 640, maxSequences: 4, chunkTokens: 512 };

function request(id: string, promptTokens: number, outputTokens: number): EngineRequest {
  const count = Math.floor((promptTokens + outputTokens) / 16);
  const blocks = Array.from({ length: count }, (_, block) => id.charCodeAt(0) * 1000 + block);
  return { id, promptTokens, outputTokens, blocks };
}

function tokenTimes(events: readonly EngineEvent[], id: string): number[] {
  return events.filter((event) => event.type === 'token' && event.id === id).map(({ at }) => at);
}

it('takes a block when the last one is full, not before', () => {
  const engine = new Engine(tiny);
  engine.submit(request('a', 30, 40), 0);
  const usage: number[] = [];
  for (let next: number | undefined = 0; next !== undefined; next = engine.nextEventAt()) {
    engine.advance(next);
    usage.push(engine.stats().kvUsage * 40);
  }
  // A step that starts with n tokens in the cache holds blocks for n + 1.
  const expected = Array.from({ length: 40 }, (_, made) => Math.ceil((30 + made) / 16));
  expect(usage).toEqual([...expected, 0]);
});

it('cannot know how long an output is going to be', () => {
  const short = runEngine(new Engine(tiny), [{ at: 0, request: request('a', 300, 10) }]);
  const long = runEngine(new Engine(tiny), [{ at: 0, request: request('a', 300, 300) }]);
  expect(tokenTimes(long, 'a').slice(0, 10)).toEqual(tokenTimes(short, 'a'));
});

it('takes the blocks of the youngest when there is none left; it goes on later, and tells nothing twice', () => {
  const engine = new Engine(tiny);
  const events = runEngine(engine, [
    { at: 0, request: request('a', 300, 200) },
    { at: 0, request: request('b', 200, 200) },
  ]);
  const [a, b] = [tokenTimes(events, 'a'), tokenTimes(events, 'b')];
  expect([a.length, b.length]).toEqual([200, 200]);
  expect(engine.stats()).toMatchObject({ preemptions: 1, running: 0, kvUsage: 0, promptTokens: 500, cachedTokens: 0 });
  expect(events.filter(({ type }) => type === 'admitted')).toHaveLength(2);
  const gaps = b.slice(1).map((at, index) => at - (b[index] ?? 0));
  const longest = gaps.indexOf(Math.max(...gaps));
  // a came a step earlier: for its 70th token it needs a 24th block, while b, with 68 tokens, has 17.
  expect(longest).toBe(67);
  const end = a.at(-1) ?? 0;
  expect([b[longest], b[longest + 1]].map((at) => (at ?? 0) > end)).toEqual([false, true]);
});

it('lets the preempted one go first when there is room again', () => {
  const engine = new Engine(tiny);
  for (const [id, prompt, output] of [
    ['a', 300, 200],
    ['b', 200, 200],
    ['c', 200, 10],
  ] as const)
    engine.submit(request(id, prompt, output), 0);
  const events = [...engine.advance(0), ...runEngine(engine, [])];
  expect(engine.stats().preemptions).toBeGreaterThan(0);
  const admitted = events.findIndex((event) => event.type === 'admitted' && event.id === 'c');
  expect(events[admitted]?.at).toBeGreaterThanOrEqual(tokenTimes(events, 'a').at(-1) ?? Infinity);
  const resumed = tokenTimes(events, 'b').find((at) => at > (tokenTimes(events, 'a').at(-1) ?? 0)) ?? Infinity;
  expect(resumed).toBeLessThanOrEqual(tokenTimes(events, 'c')[0] ?? 0);
});

it('computes again only what was evicted in between', () => {
  const engine = new Engine(tiny);
  const events = runEngine(engine, [
    { at: 0, request: request('a', 300, 200) },
    { at: 0, request: request('b', 200, 200) },
  ]);
  const end = tokenTimes(events, 'a').at(-1) ?? 0;
  const resumed = tokenTimes(events, 'b').find((at) => at > end) ?? 0;
  // 256 tokens of b were idle; a took 8 of those 16 blocks, the last ones first, on its way to 500 tokens.
  const fresh = 200 + 68 - 128;
  const load = { sequences: 0, contextTokens: 0, promptTokens: fresh, pairs: pairsOf(128, fresh) };
  expect(resumed - end).toBeCloseTo(stepMs(tiny.cost, load), 6);
});

it('leaves the watermark free at admission, unless nothing runs', () => {
  const engine = new Engine(tiny, { watermark: 0.25 });
  engine.submit(request('a', 640 - 16, 16), 0);
  expect(engine.advance(0)).toHaveLength(1);
  engine.cancel('a');
  runEngine(engine, []);
  for (const id of ['b', 'c', 'd']) engine.submit(request(id, 160, 16), 1e4);
  engine.advance(1e4);
  expect(engine.stats()).toMatchObject({ running: 3, waiting: 0 });
  engine.submit(request('e', 16, 1), 1e4);
  engine.advance((engine.nextEventAt() ?? 0) + 1);
  expect(engine.stats()).toMatchObject({ running: 3, waiting: 1 });
});
