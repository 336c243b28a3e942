import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { SharedRoom } from '../admit/shared-room.ts';
import { benchTimes, startForward, type BenchOptions, type Scripts } from '../testing/forward-bench.ts';
import type { UpstreamStep } from '../testing/memory-upstream.ts';

function run(scripts: Scripts, more: Omit<BenchOptions, 'scripts' | 'clock' | 'streamed'> = {}) {
  const clock = createTestClock();
  return { clock, ...startForward({ scripts, clock, streamed: false, ...more }) };
}

describe('answers that are not streamed', () => {
  const whole: UpstreamStep[] = [
    { head: 200, type: 'application/json' },
    { data: '{"usage":{"prompt_tokens":3,' },
    { data: '"completion_tokens":1}}' },
    { end: true },
  ];

  it('are retried until they are whole', async () => {
    const half: UpstreamStep[] = [{ head: 200, type: 'application/json' }, { data: '{"id"' }, { fail: 'reset' }];
    const bench = run({ a: half, b: whole });
    expect(await bench.outcome).toMatchObject({ kind: 'done', usage: { promptTokens: 3, completionTokens: 1 } });
    expect(bench.outgoing.text).toBe('{"usage":{"prompt_tokens":3,"completion_tokens":1}}');
    expect(bench.outgoing.headers['content-length']).toBe('51');
  });

  it('have one time to be whole in, however much of them comes', async () => {
    const drips = Array.from({ length: 9 }, (): UpstreamStep[] => [{ data: ' ' }, { wait: true }]).flat();
    const bench = run({ a: [{ head: 200, type: 'application/json' }, ...drips], b: whole });
    for (let waited = 0; waited < benchTimes.answerTimeoutMs; waited += 20_000) {
      expect(bench.losses).toEqual([]);
      await bench.clock.advance(20_000);
      bench.upstream.sent[0]?.release();
    }
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.losses).toEqual(['timeout']);
  });

  it('may not pause when they are relayed', async () => {
    const long = { data: 'x'.repeat(2 ** 20 + 1) };
    const bench = run({ a: [{ head: 200 }, long, { wait: true }], b: whole });
    await bench.clock.advance(benchTimes.tokenIdleTimeoutMs);
    expect(await bench.outcome).toMatchObject({ kind: 'broken', reason: 'timeout' });
  });

  describe('where memory is short', () => {
    const piece = 'x'.repeat(20_000);
    const reset: UpstreamStep[] = [{ head: 200, type: 'application/json' }, { data: piece }, { fail: 'reset' }];

    it('are relayed from there on as they come, tried once, and counted until their client has them', async () => {
      const answers = new SharedRoom(30_000);
      const long: UpstreamStep[] = [{ head: 200 }, { data: piece }, { data: piece }, { data: '}' }];
      const bench = run({ a: [...long, { end: true }], b: whole }, { answers, room: 1000 });
      await bench.clock.advance(1);
      expect([bench.outgoing.text.length, bench.upstream.sent[0]?.paused, answers.total]).toEqual([
        40_000,
        true,
        20_000,
      ]);
      bench.outgoing.take(1e6);
      expect(answers.total).toBe(0);
      expect(await bench.outcome).toMatchObject({ kind: 'done' });
      expect(bench.outgoing.text).toBe(`${piece}${piece}}`);
    });

    it('are retried while there was room, and give it back before that', async () => {
      const answers = new SharedRoom(30_000);
      const bench = run({ a: reset, b: whole }, { answers });
      expect(await bench.outcome).toMatchObject({ kind: 'done' });
      expect([bench.upstream.sent.length, answers.total]).toEqual([2, 51]);
      bench.request[Symbol.dispose]();
      expect(answers.total).toBe(0);
    });

    it('break when the replica is lost after that', async () => {
      const bench = run({ a: reset, b: whole }, { answers: new SharedRoom(10_000) });
      expect(await bench.outcome).toMatchObject({ kind: 'broken', reason: 'reset' });
      expect([bench.upstream.sent.length, bench.outgoing.destroyed]).toEqual([1, true]);
    });
  });

  it('are relayed piece by piece when they are long, and cut when they break then', async () => {
    const long: UpstreamStep[] = [
      { head: 200, type: 'application/json' },
      { data: 'x'.repeat(2 ** 20 + 1) },
      { fail: 'reset' },
    ];
    const bench = run({ a: long, b: whole });
    expect(await bench.outcome).toMatchObject({ kind: 'broken' });
    expect([bench.outgoing.destroyed, bench.outgoing.writableEnded]).toEqual([true, false]);
  });
});
