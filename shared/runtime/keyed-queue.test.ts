import { beforeEach, describe, expect, it } from 'vitest';
import { endAfterEach } from '#shared/testing/started.ts';
import { createTestClock, type TestClock } from '#shared/testing/test-clock.ts';
import { startKeyedQueue, type KeyedQueue, type QueueVerdict } from './keyed-queue.ts';
import { silentLogger } from './log.ts';

type Handler = (key: string, signal: AbortSignal) => Promise<QueueVerdict>;

/** A gate per call of the handler: the test decides when each one ends, and how. */
class Desk {
  readonly started: string[] = [];
  readonly #open: { key: string; resolve: (verdict: QueueVerdict) => void; reject: (error: Error) => void }[] = [];

  readonly handler: Handler = (key) =>
    new Promise((resolve, reject) => {
      this.started.push(key);
      this.#open.push({ key, resolve, reject });
    });

  running(): string[] {
    return this.#open.map(({ key }) => key);
  }

  async end(key: string, how: { verdict?: QueueVerdict; error?: Error } = {}): Promise<void> {
    const index = this.#open.findIndex((call) => call.key === key);
    const [call] = this.#open.splice(index, 1);
    if (index < 0 || call === undefined) throw new Error(`${key} does not run`);
    if (how.error === undefined) call.resolve(how.verdict);
    else call.reject(how.error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('keyed queue', () => {
  let clock: TestClock;
  let desk: Desk;
  let queue: KeyedQueue;
  const start = (
    over: { keysMax?: number; concurrency?: number; onRefused?: () => void; handler?: Handler } = {},
  ): KeyedQueue =>
    startKeyedQueue(
      {
        name: 'test',
        clock,
        log: silentLogger(),
        concurrency: over.concurrency ?? 4,
        backoff: { baseMs: 100, maxMs: 1000 },
        keysMax: over.keysMax ?? 100,
        ...(over.onRefused && { onRefused: over.onRefused }),
        random: () => 1,
      },
      over.handler ?? desk.handler,
    );

  const started = endAfterEach();
  beforeEach(() => {
    clock = createTestClock();
    desk = new Desk();
    queue = start();
    started.defer(async () => {
      const disposed = queue[Symbol.asyncDispose]();
      for (const key of desk.running()) await desk.end(key);
      await disposed;
    });
  });

  it('runs keys in parallel and each key by itself', async () => {
    for (const key of ['a', 'b', 'a', 'b', 'a']) queue.add(key);
    expect(desk.started).toEqual(['a', 'b']);
    await desk.end('a');
    expect(desk.started).toEqual(['a', 'b', 'a']);
    await desk.end('a');
    expect(desk.started).toEqual(['a', 'b', 'a']);
    expect(queue.depth()).toBe(1);
  });

  it('runs at most as many as allowed', async () => {
    await queue[Symbol.asyncDispose]();
    queue = start({ concurrency: 2 });
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    expect(desk.running()).toEqual(['a', 'b']);
    await desk.end('b');
    expect(desk.running()).toEqual(['a', 'c']);
  });

  it('never runs one key twice at a time, whatever the interleaving', async () => {
    const busy = new Set<string>();
    const runs = new Map<string, number>();
    await queue[Symbol.asyncDispose]();
    queue = start({
      handler: async (key) => {
        expect(busy.has(key)).toBe(false);
        busy.add(key);
        await clock.sleep(key.length * 7);
        runs.set(key, (runs.get(key) ?? 0) + 1);
        busy.delete(key);
        if ((runs.get(key) ?? 0) % 3 === 0) throw new Error('now and then');
      },
    });
    for (let step = 0; step < 300; step += 1) {
      const key = 'x'.repeat((step % 5) + 1);
      if (step % 3 === 0) queue.addAfter(key, (step * 13) % 50);
      else queue.add(key);
      await clock.advance(step % 11);
    }
    await clock.advance(5000);
    await queue.idle();
    expect(queue.depth()).toBe(0);
    expect([...runs.values()].every((count) => count > 10)).toBe(true);
  });

  it('backs off from a failing key and starts small again after a success', async () => {
    queue.add('a');
    const failAfter = async (waitMs: number): Promise<void> => {
      const before = desk.started.length;
      await desk.end('a', { error: new Error('no') });
      await clock.advance(waitMs - 1);
      expect(desk.started).toHaveLength(before);
      await clock.advance(1);
      expect(desk.started).toHaveLength(before + 1);
    };
    for (const waitMs of [100, 200, 400, 800, 1000, 1000]) await failAfter(waitMs);
    await desk.end('a');
    queue.add('a');
    await failAfter(100);
  });

  it('lets a wake-up cut a back-off short', async () => {
    queue.add('a');
    await desk.end('a', { error: new Error('no') });
    queue.add('a');
    expect(desk.running()).toEqual(['a']);
    await desk.end('a');
    await clock.advance(10_000);
    expect(desk.started).toEqual(['a', 'a']);
  });

  it('keeps the earlier of two delayed wake-ups', async () => {
    queue.addAfter('a', 500);
    queue.addAfter('a', 900);
    queue.addAfter('a', 200);
    await clock.advance(199);
    expect(desk.started).toEqual([]);
    await clock.advance(1);
    expect(desk.started).toEqual(['a']);
    await desk.end('a');
    await clock.advance(10_000);
    expect(desk.started).toEqual(['a']);
  });

  it('looks again when the handler asks for it, and keeps an earlier wake-up set meanwhile', async () => {
    queue.add('a');
    queue.addAfter('a', 50);
    await desk.end('a', { verdict: { requeueAfterMs: 1000 } });
    await clock.advance(50);
    expect(desk.started).toHaveLength(2);
    await desk.end('a', { verdict: { requeueAfterMs: 1000 } });
    await clock.advance(999);
    expect(desk.started).toHaveLength(2);
    await clock.advance(1);
    expect(desk.started).toHaveLength(3);
  });

  it('refuses new keys above its bound and takes known ones', async () => {
    await queue[Symbol.asyncDispose]();
    let refused = 0;
    queue = start({ keysMax: 2, concurrency: 1, onRefused: () => (refused += 1) });
    expect([queue.add('a'), queue.add('b'), queue.add('c'), queue.add('b')]).toEqual([true, true, false, true]);
    queue.addAfter('d', 10);
    expect(refused).toBe(2);
    await desk.end('a');
    expect(queue.add('c')).toBe(true);
    await desk.end('b');
    expect(desk.running()).toEqual(['c']);
  });

  it('survives a handler that throws before its first await', async () => {
    await queue[Symbol.asyncDispose]();
    let calls = 0;
    queue = start({
      handler: () => {
        calls += 1;
        throw new Error('at once');
      },
    });
    queue.add('a');
    await clock.advance(300);
    expect(calls).toBe(3);
  });

  it('waits for what runs when it is disposed, and starts nothing more', async () => {
    let told = false;
    await queue[Symbol.asyncDispose]();
    queue = start({
      concurrency: 1,
      handler: (key, signal) => {
        signal.addEventListener('abort', () => (told = true));
        return desk.handler(key, signal);
      },
    });
    queue.add('a');
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    let disposed = false;
    const disposing = queue[Symbol.asyncDispose]().then(() => (disposed = true));
    expect(told).toBe(true);
    await clock.advance(1000);
    expect(disposed).toBe(false);
    await desk.end('a', { error: new Error('stopped') });
    await disposing;
    await clock.advance(10_000);
    expect(desk.started).toEqual(['a']);
    expect(queue.add('a')).toBe(false);
    queue.addAfter('z', 1);
    expect(queue.depth()).toBe(0);
  });
});
