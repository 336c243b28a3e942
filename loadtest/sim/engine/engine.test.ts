import { describe, expect, it } from 'vitest';
import { runEngine, type Arrival } from '../testing/run-engine.ts';
import { Engine, type EngineEvent } from './engine.ts';
import { presets, type EnginePreset } from './presets.ts';
import type { EngineRequest } from './sequence.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

const old = presets['30b-a3b-h200-2025'];
/** Forty blocks of sixteen tokens. */
const tiny: EnginePreset = { ...old, name: 'tiny', kvTokens: 640, maxSequences: 4, chunkTokens: 128 };

/** Block hashes of a conversation: equal names give equal blocks, and a prefix of the tokens a prefix of the blocks. */
function blocks(name: number, tokens: number): number[] {
  return Array.from({ length: Math.floor(tokens / 16) }, (_, index) => name * 1_000_000 + index);
}

function request(id: string, sizes: { prompt: number; output: number; name?: number }): EngineRequest {
  const { prompt, output, name = id.charCodeAt(0) } = sizes;
  return { id, promptTokens: prompt, outputTokens: output, blocks: blocks(name, prompt + output) };
}

function tokenTimes(events: readonly EngineEvent[], id: string): number[] {
  return events.filter((event) => event.type === 'token' && event.id === id).map(({ at }) => at);
}

function cachedTokens(events: readonly EngineEvent[], id: string): number | undefined {
  const admitted = events.find((event) => event.type === 'admitted' && event.id === id);
  return admitted?.type === 'admitted' ? admitted.cachedTokens : undefined;
}

describe('cost of a request', () => {
  it('takes 9.11 s for a cold prompt of 128,000 tokens, however it is cut into chunks', () => {
    const events = runEngine(new Engine(old), [{ at: 0, request: request('a', { prompt: 128_000, output: 1 }) }]);
    expect(tokenTimes(events, 'a')[0]).toBeCloseTo(128_000 * 0.02 + 4e-7 * 128_000 ** 2, 6);
    expect(tokenTimes(events, 'a')[0]).toBeCloseTo(9113.6, 3);
  });

  it('takes 0.1 s for 1,200 tokens behind 77,000 cached ones', () => {
    const engine = new Engine(old);
    runEngine(engine, [{ at: 0, request: request('a', { prompt: 77_000, output: 1 }) }]);
    const next = request('b', { prompt: 78_200, output: 1, name: 97 });
    const events = runEngine(engine, [{ at: 100_000, request: next }]);
    expect(cachedTokens(events, 'b')).toBe(76_992);
    const ttft = (tokenTimes(events, 'b')[0] ?? 0) - 100_000;
    expect(ttft).toBeCloseTo(1208 * 0.02 + 4e-7 * (78_200 ** 2 - 76_992 ** 2), 6);
    expect(ttft).toBeGreaterThan(95);
    expect(ttft).toBeLessThan(105);
  });

  it('decodes at 5 ms and a share for each sequence and context token', () => {
    const events = runEngine(new Engine(old), [{ at: 10, request: request('a', { prompt: 1000, output: 3 }) }]);
    const first = 10 + 1000 * 0.02 + 4e-7 * 1_000_000;
    const second = first + 5 + 0.15 + 1.5e-5 * 1001;
    const third = second + 5 + 0.15 + 1.5e-5 * 1002;
    const times = tokenTimes(events, 'a');
    for (const [index, expected] of [first, second, third].entries()) expect(times[index]).toBeCloseTo(expected, 9);
    expect(times).toHaveLength(3);
  });

  it('decodes a batch in common steps', () => {
    const engine = new Engine(old);
    const ids = ['a', 'b', 'c'];
    for (const id of ids) engine.submit(request(id, { prompt: 160, output: 2 }), 0);
    const events = [...engine.advance(0), ...runEngine(engine, [])];
    const prefill = 3 * (160 * 0.02 + 4e-7 * 160 ** 2);
    const step = 5 + 3 * 0.15 + 3 * 161 * 1.5e-5;
    for (const id of ids) {
      expect(tokenTimes(events, id)[0]).toBeCloseTo(prefill, 9);
      expect(tokenTimes(events, id)[1]).toBeCloseTo(prefill + step, 9);
    }
  });

  it('takes four times as long when slowed down by four', () => {
    const engine = new Engine(old);
    engine.setSlowdown(4);
    const events = runEngine(engine, [{ at: 0, request: request('a', { prompt: 1000, output: 1 }) }]);
    expect(tokenTimes(events, 'a')[0]).toBeCloseTo(4 * 20.4, 9);
  });
});

describe('chunked prefill', () => {
  it('gives a running request a token in every chunk of a long prefill', () => {
    const engine = new Engine(old);
    const events = runEngine(engine, [
      { at: 0, request: request('a', { prompt: 1000, output: 60 }) },
      { at: 50, request: request('b', { prompt: 128_000, output: 1 }) },
    ]);
    const end = tokenTimes(events, 'b')[0] ?? 0;
    const during = tokenTimes(events, 'a').filter((at) => at > 50 && at <= end);
    expect(during.length).toBeGreaterThanOrEqual(16);
    const gaps = during.slice(1).map((at, index) => at - (during[index] ?? 0));
    const dearestChunk = 8192 * 0.02 + 4e-7 * (128_000 ** 2 - (128_000 - 8192) ** 2);
    expect(Math.max(...gaps)).toBeLessThan(dearestChunk + 6);
    expect(Math.max(...gaps)).toBeGreaterThan(dearestChunk / 2);
  });

  it('computes prompts in order of arrival, several in one step when they fit', () => {
    const engine = new Engine(tiny);
    for (const id of ['a', 'b', 'c']) engine.submit(request(id, { prompt: 64, output: 1 }), 0);
    const events = [...engine.advance(0), ...runEngine(engine, [])];
    expect(tokenTimes(events, 'a')).toEqual(tokenTimes(events, 'b'));
    expect(tokenTimes(events, 'c')[0]).toBeGreaterThan(tokenTimes(events, 'b')[0] ?? Infinity);
  });
});

describe('prefix cache', () => {
  it('matches whole blocks only, and never the last prompt token', () => {
    const engine = new Engine(old);
    runEngine(engine, [{ at: 0, request: request('a', { prompt: 64, output: 1 }) }]);
    const again = runEngine(engine, [{ at: 1000, request: request('b', { prompt: 64, output: 1, name: 97 }) }]);
    expect(cachedTokens(again, 'b')).toBe(48);
    const longer = runEngine(engine, [{ at: 2000, request: request('c', { prompt: 79, output: 1, name: 97 }) }]);
    expect(cachedTokens(longer, 'c')).toBe(64);
    expect(engine.stats()).toMatchObject({ promptTokens: 64 + 64 + 79, cachedTokens: 48 + 64 });
  });

  it('matches what the same step computes for another request', () => {
    const engine = new Engine(tiny);
    for (const id of ['a', 'b']) engine.submit(request(id, { prompt: 64, output: 1, name: 97 }), 0);
    const events = [...engine.advance(0), ...runEngine(engine, [])];
    expect([cachedTokens(events, 'a'), cachedTokens(events, 'b')]).toEqual([0, 48]);
    expect(tokenTimes(events, 'a')).toEqual(tokenTimes(events, 'b'));
  });

  it('remembers the blocks of the output for the next turn', () => {
    const engine = new Engine(old);
    runEngine(engine, [{ at: 0, request: request('a', { prompt: 100, output: 61 }) }]);
    const next = runEngine(engine, [{ at: 5000, request: request('b', { prompt: 200, output: 1, name: 97 }) }]);
    expect(cachedTokens(next, 'b')).toBe(160);
  });

  it('evicts the least recently used blocks, of one prompt the end first', () => {
    const engine = new Engine(tiny);
    const once = (id: string, prompt: number, name?: number): EngineEvent[] =>
      runEngine(engine, [
        { at: 1e6 * id.charCodeAt(0), request: request(id, { prompt, output: 1, ...(name ? { name } : {}) }) },
      ]);
    once('a', 161);
    once('b', 161);
    once('c', 161, 97);
    expect(engine.stats().idleBlocks).toBe(20);
    once('d', 400);
    expect(cachedTokens(once('e', 161, 97), 'e')).toBe(160);
    expect(cachedTokens(once('f', 161, 98), 'f')).toBeLessThan(160);
  });

  it('keeps the beginning of a prompt longest', () => {
    const engine = new Engine(tiny);
    runEngine(engine, [{ at: 0, request: request('a', { prompt: 321, output: 1 }) }]);
    runEngine(engine, [{ at: 1e4, request: request('b', { prompt: 479, output: 1 }) }]);
    const events = runEngine(engine, [{ at: 2e4, request: request('c', { prompt: 321, output: 1, name: 97 }) }]);
    expect(cachedTokens(events, 'c')).toBe(160);
  });
});

describe('admission', () => {
  it('waits while a prompt does not fit beside the others, and goes on when room is made', () => {
    const engine = new Engine(tiny);
    for (const id of ['a', 'b']) engine.submit(request(id, { prompt: 400, output: 20 }), 0);
    const events = [...engine.advance(0)];
    expect(engine.stats()).toMatchObject({ running: 1, waiting: 1, kvUsage: 8 / 40 });
    while (tokenTimes(events, 'a').length === 0) events.push(...engine.advance(engine.nextEventAt() ?? 0));
    expect(engine.stats()).toMatchObject({ running: 1, waiting: 1, kvUsage: 26 / 40 });
    events.push(...runEngine(engine, []));
    const admitted = events.find((event) => event.type === 'admitted' && event.id === 'b')?.at;
    expect(admitted).toBe(tokenTimes(events, 'a')[19]);
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, kvUsage: 0 });
  });

  it('counts a shared prefix once', () => {
    const engine = new Engine(tiny);
    runEngine(engine, [{ at: 0, request: request('a', { prompt: 400, output: 1 }) }]);
    for (const id of ['b', 'c']) engine.submit(request(id, { prompt: 401, output: 20, name: 97 }), 1e4);
    engine.advance(1e4);
    expect(engine.stats()).toMatchObject({ running: 2, waiting: 0, kvUsage: (25 + 1 + 1) / 40 });
  });

  it('runs at most the preset number of sequences', () => {
    const engine = new Engine(tiny);
    for (const id of ['a', 'b', 'c', 'd', 'e']) engine.submit(request(id, { prompt: 16, output: 4 }), 0);
    engine.advance(0);
    expect(engine.stats()).toMatchObject({ running: 4, waiting: 1 });
  });

  it('refuses what can never run', () => {
    const engine = new Engine(tiny);
    expect(() => engine.submit(request('a', { prompt: 640, output: 1 }), 0)).toThrow(RangeError);
    expect(() => engine.submit(request('a', { prompt: 0, output: 1 }), 0)).toThrow(RangeError);
    engine.submit(request('a', { prompt: 16, output: 1 }), 0);
    expect(() => engine.submit(request('a', { prompt: 16, output: 1 }), 0)).toThrow(/running already/);
  });
});

describe('cancel', () => {
  it('frees the slot and the blocks at once and lets the next one in after the running step', () => {
    const engine = new Engine(tiny);
    for (const id of ['a', 'b']) engine.submit(request(id, { prompt: 400, output: 200 }), 0);
    engine.advance(200);
    expect(engine.cancel('a')).toBe(true);
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 1, kvUsage: 0 });
    const step = engine.nextEventAt() ?? 0;
    const events = runEngine(engine, []);
    expect(tokenTimes(events, 'a')).toEqual([]);
    expect(events[0]).toMatchObject({ type: 'admitted', id: 'b', at: step });
    expect(tokenTimes(events, 'b')).toHaveLength(200);
  });

  it('says nothing more of a request whose prompt was being computed', () => {
    const engine = new Engine(tiny);
    for (const id of ['a', 'b']) engine.submit(request(id, { prompt: 60, output: 3 }), 0);
    engine.advance(0);
    engine.cancel('a');
    const events = runEngine(engine, []);
    expect(tokenTimes(events, 'a')).toEqual([]);
    expect(tokenTimes(events, 'b')).toHaveLength(3);
  });

  it('takes a waiting request out of the queue, and does nothing to one that is over', () => {
    const engine = new Engine(tiny);
    for (const id of ['a', 'b']) engine.submit(request(id, { prompt: 400, output: 2 }), 0);
    engine.advance(0);
    expect(engine.cancel('b')).toBe(true);
    expect(engine.stats().waiting).toBe(0);
    runEngine(engine, []);
    expect(engine.cancel('a')).toBe(false);
  });
});

describe('many requests', () => {
  function workload(seed: number, count: number): Arrival[] {
    const random = seededRandom(seed);
    let at = 0;
    return Array.from({ length: count }, (_, index) => {
      at += random() * 60;
      const prompt = 1 + Math.floor(random() * 400);
      const sizes = { prompt, output: 1 + Math.floor(random() * 40), name: Math.floor(random() * 30) };
      return { at, request: request(`r${index}`, sizes) };
    });
  }

  it.each([1, 2, 3])(
    'makes exactly the tokens that were asked for, in order, and leaves nothing held (seed %i)',
    (seed) => {
      const engine = new Engine(tiny);
      const arrivals = workload(seed, 1000);
      const events = runEngine(engine, arrivals);
      for (const { at, request: one } of arrivals) {
        const own = events.filter((event) => event.type === 'token' && event.id === one.id);
        expect(own.map((event) => event.type === 'token' && event.index)).toEqual(own.map((_, index) => index));
        expect(own).toHaveLength(one.outputTokens);
        expect(own[0]?.at).toBeGreaterThan(at);
      }
      expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => a - b));
      expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, kvUsage: 0 });
      expect(engine.stats().idleBlocks).toBeLessThanOrEqual(40);
      expect(engine.stats().cachedTokens).toBeGreaterThan(0);
    },
  );

  it('leaves nothing held when requests are cancelled at any time', () => {
    const engine = new Engine(tiny);
    const random = seededRandom(21);
    for (const { at, request: one } of workload(21, 1000)) {
      engine.advance(at);
      engine.submit(one, at);
      engine.advance(at + random() * 5);
      if (random() < 0.5) engine.cancel(`r${Math.max(0, Number(one.id.slice(1)) - Math.floor(random() * 6))}`);
    }
    runEngine(engine, []);
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, kvUsage: 0 });
  });

  it('does not depend on how often it is asked', () => {
    const arrivals = workload(7, 300);
    const fine = runEngine(new Engine(tiny), arrivals);
    const coarse = new Engine(tiny);
    const events: EngineEvent[] = [];
    for (const { at, request: one } of arrivals) {
      events.push(...coarse.advance(at));
      coarse.submit(one, at);
    }
    events.push(...coarse.advance(1e9));
    expect(events).toEqual(fine);
  });

  it('repeats itself with the same seed, and varies with another when steps jitter', () => {
    const times = (seed: number): number[] =>
      runEngine(new Engine(tiny, { seed, jitter: 0.1 }), workload(5, 100)).map(({ at }) => at);
    expect(times(1)).toEqual(times(1));
    expect(times(1)).not.toEqual(times(2));
  });
});
