import { describe, expect, it } from 'vitest';
import { frames } from '../testing/chat-frames.ts';
import type { UpstreamStep } from '../testing/memory-upstream.ts';
import { begun, errorIn, good, run } from '../testing/verdict-steps.ts';

describe('a request that kills', () => {
  const dies: UpstreamStep[] = [{ head: 200 }, { data: frames.role }, { fail: 'reset' }];
  it('is tried on two replicas and no more', async () => {
    const bench = run({ a: dies, b: dies, c: good });
    expect(await bench.outcome).toMatchObject({ kind: 'lost', code: 'upstream_error' });
    expect(bench.upstream.sent.map(({ target }) => target.replicaId)).toEqual(['a', 'b']);
    expect([bench.outgoing.status, bench.outgoing.headers['retry-after']]).toEqual([502, '1']);
  });

  it('is not tried again on the same replica when the answer had begun', async () => {
    const bench = run({ a: [{ head: 200 }, { data: frames.role }, { fail: 'reset', reusedSocket: true }], b: good });
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.upstream.sent.map(({ target }) => target.replicaId)).toEqual(['a', 'b']);
  });
});

describe('what is nobody’s failure', () => {
  it('is a process of ours that has no descriptors left: the replica learns nothing of it', async () => {
    const bench = run({ a: [{ fail: 'local' }], b: [{ fail: 'local' }] }, { attemptsMax: 2 });
    expect(await bench.outcome).toMatchObject({ kind: 'lost', code: 'overloaded' });
    expect(bench.ends.map(([, end]) => end)).toEqual([{ kind: 'left' }, { kind: 'left' }]);
    expect([bench.outgoing.status, bench.outgoing.headers['retry-after']]).toEqual([503, '1']);
  });

  it('is an old connection that was closing: sent on a fresh one, and that is all', async () => {
    const bench = run({ a: [[{ fail: 'reset', reusedSocket: true }], good] });
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.ends).toMatchObject([['a', { kind: 'answered' }]]);
  });
});

describe('a replica that answers nobody any more', () => {
  it.each([
    ['before the head', [{ wait: true }]],
    ['behind the head, before anything for the client', [{ head: 200 }, { data: frames.role }, { wait: true }]],
  ] as [string, UpstreamStep[]][])('gives up a request %s, and another one gets it', async (_, script) => {
    const bench = run({ a: script, b: good });
    await bench.clock.advance(1);
    bench.booked[0]?.move('stalled');
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.ends).toMatchObject([
      ['a', { kind: 'left' }],
      ['b', { kind: 'answered' }],
    ]);
    expect(bench.upstream.sent[0]?.aborted).toBe(true);
  });

  it('keeps a stream that has begun: it may go on', async () => {
    const bench = run({ a: [...begun, { wait: true }, { data: frames.finish }, { data: frames.done }] });
    await bench.clock.advance(1);
    bench.booked[0]?.move('stalled');
    bench.upstream.sent[0]?.release();
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
  });
});

describe('a replica that is gone but for its silent connections', () => {
  it('ends the streams that have begun, before their time', async () => {
    const bench = run({ a: [...begun, { wait: true }], b: good });
    await bench.clock.advance(1);
    bench.booked[0]?.move('refused');
    expect(await bench.outcome).toMatchObject({ kind: 'broken', reason: 'stalled' });
    expect(errorIn(bench.outgoing.text)).toMatchObject({ code: 'upstream_disconnected' });
    expect(bench.upstream.sent).toHaveLength(1);
    expect(bench.ends).toEqual([['a', { kind: 'left' }]]);
  });
});
