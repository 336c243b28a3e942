import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { EventReply } from '#shared/contract/resource.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { EventStreams, type EventSource } from './event-streams.ts';

const event = (id: number, message = ''): EventReply => ({
  id: String(id),
  type: 'phase.changed',
  at: '2026-11-22T12:00:00.000Z',
  actor: 'provisioner-1',
  phase: 'load',
  reason: 'Loading',
  message,
  hint: '',
  revision: 1,
});

function start({ max = 2, ageMs = 3_600_000 } = {}) {
  const clock = createTestClock();
  const counts: number[] = [];
  const limits = { max, ageMs, beatMs: 15_000, stallMs: 30_000 };
  const streams = new EventStreams({ ...limits, onCount: (open) => counts.push(open) }, clock);
  return { clock, counts, streams };
}

/** Tells `first`, then waits for its end. */
const quiet = (...first: EventReply[]): EventSource => ({
  async *events(signal) {
    yield* first;
    if (!signal.aborted) await once(signal, 'abort');
  },
  isAllowed: () => true,
});

function readerOf(response: Response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  return { read: async () => (await reader?.read())?.value, cancel: () => reader?.cancel() };
}

describe('EventStreams', () => {
  it('tells each event with its id, then comments while nothing happens', async () => {
    const { clock, streams } = start();
    const { read } = readerOf(streams.answer(quiet(event(7))));
    expect(await read()).toBe('retry: 1000\n\n');
    expect(await read()).toBe(`id: 7\nevent: phase.changed\ndata: ${JSON.stringify(event(7))}\n\n`);
    const beat = read();
    await clock.advance(15_000);
    expect(await beat).toBe(': keep-alive\n\n');
  });

  it('refuses one too many, and takes another when one has ended or its reader has left', async () => {
    const { counts, streams } = start({ max: 1 });
    const first = readerOf(streams.answer(quiet()));
    expect(() => streams.answer(quiet())).toThrow('1 streams of events are open already.');
    await first.cancel();
    await turn();
    const ended = streams.answer({ async *events() {}, isAllowed: () => true });
    expect(await ended.text()).toBe('retry: 1000\n\n');
    streams.answer(quiet());
    expect(counts).toEqual([1, 0, 1, 0, 1]);
  });

  it('ends when its reader may no longer hear it, when it is old, and when the process ends', async () => {
    const { clock, streams } = start({ max: 3, ageMs: 60_000 });
    let allowed = true;
    const revoked = streams.answer({ ...quiet(), isAllowed: () => allowed });
    allowed = false;
    await clock.advance(15_000);
    expect(await revoked.text()).toBe('retry: 1000\n\n');
    const old = streams.answer(quiet());
    await clock.advance(60_000);
    expect(await old.text()).toMatch(/^retry: 1000\n\n(: keep-alive\n\n){3,4}$/);
    const last = streams.answer(quiet());
    streams[Symbol.dispose]();
    expect(await last.text()).toBe('retry: 1000\n\n');
  });

  it('reads no further ahead than 64 KiB for a reader that takes nothing, and cuts it after 30 s', async () => {
    const { clock, streams } = start();
    let asked = 0;
    const flood: EventSource = {
      async *events() {
        for (;;) yield event((asked += 1), 'x'.repeat(1000));
      },
      isAllowed: () => true,
    };
    const response = streams.answer(flood);
    for (let turns = 0; turns < 100; turns += 1) await turn();
    expect(asked).toBeGreaterThan(40);
    expect(asked).toBeLessThan(80);
    await clock.advance(30_000);
    await expect(response.text()).rejects.toThrow('not done after 30000 ms');
  });
});
