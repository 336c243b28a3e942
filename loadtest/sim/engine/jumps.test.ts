import { expect, it } from 'vitest';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { Engine, type EngineEvent, type EngineStats } from './engine.ts';
import { presets, type EnginePreset } from './presets.ts';

/** Small enough that requests queue for blocks and for slots, and that idle blocks are evicted. */
const small: EnginePreset = { ...presets['30b-a3b-h200'], kvTokens: 4800, maxSequences: 8, chunkTokens: 256 };

interface Told {
  readonly events: EngineEvent[];
  readonly stats: EngineStats[];
}

/** Conversations that branch, requests that are cancelled, an engine that slows down, and a look at the numbers. */
function live(seed: number, everyToken: boolean): Told {
  const random = seededRandom(seed);
  const engine = new Engine(small, { everyToken });
  const told: Told = { events: [], stats: [] };
  const until = (at: number): void => {
    for (let next = engine.nextEventAt(); next !== undefined && next < at; next = engine.nextEventAt())
      told.events.push(...engine.advance(next));
    told.events.push(...engine.advance(at));
  };
  let at = 0;
  for (let index = 0; index < 400; index += 1) {
    at += random() < 0.1 ? 3000 * random() : 120 * random();
    until(at);
    const promptTokens = 1 + Math.floor(random() * 800);
    const outputTokens = 1 + Math.floor(random() * 300);
    const name = Math.floor(random() * 12) * 1_000_000;
    const branch = Math.floor(random() * 30);
    const count = Math.floor((promptTokens + outputTokens) / small.blockTokens);
    const blocks = Array.from({ length: count }, (_, block) => name + block + (block < branch ? 0 : branch * 1000));
    engine.submit({ id: `r${index}`, promptTokens, outputTokens, blocks }, at);
    until(at);
    if (random() < 0.2) engine.cancel(`r${index - Math.floor(random() * 5)}`);
    if (random() < 0.05) engine.setSlowdown(1 + 3 * random());
    if (random() < 0.3) until((at += 30 * random()));
    if (random() < 0.3) told.stats.push(engine.stats());
  }
  until(1e9);
  told.stats.push(engine.stats());
  return told;
}

const seeds = Array.from({ length: 12 }, (_, index) => index + 1);

it.each(seeds)('tells the same at the same times in jumps as step by step (seed %i)', (seed) => {
  const steps = live(seed, true);
  const jumps = live(seed, false);
  const ends = steps.events.filter((event) => event.type === 'admitted' || event.index === 0 || event.last);
  const what = (event: EngineEvent): unknown => ({ ...event, at: undefined });
  expect(jumps.events.map(what)).toEqual(ends.map(what));
  const offBy = jumps.events.map(({ at }, index) => Math.abs(at / (ends[index]?.at ?? Number.NaN) - 1));
  expect(Math.max(...offBy)).toBeLessThan(1e-6);
  expect(jumps.stats).toEqual(steps.stats);
  expect(steps.stats.at(-1)).toMatchObject({ running: 0, waiting: 0, kvUsage: 0 });
  expect(steps.stats.at(-1)?.preemptions).toBeGreaterThan(0);
});

it('says when the next thing happens that is worth telling, and is not moved by being asked in between', () => {
  const engine = new Engine(small, { everyToken: false });
  engine.submit({ id: 'a', promptTokens: 100, outputTokens: 200, blocks: [] }, 0);
  expect(engine.advance(0).map(({ type }) => type)).toEqual(['admitted']);
  expect(engine.advance(engine.nextEventAt() ?? 0)).toMatchObject([{ type: 'token', index: 0, last: false }]);
  const end = engine.nextEventAt() ?? 0;
  for (let at = 10; at < end; at += 7) expect(engine.advance(at)).toEqual([]);
  expect(engine.stats().generatedTokens).toBeGreaterThan(100);
  expect(engine.nextEventAt()).toBe(end);
  expect(engine.advance(end)).toMatchObject([{ type: 'token', at: end, index: 199, last: true }]);
});
