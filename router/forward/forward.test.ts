import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { BodyRoom } from '../admit/body-room.ts';
import { contentOf, eventsOf, frames } from '../testing/chat-frames.ts';
import { benchTimes, startForward, type BenchOptions, type Scripts } from '../testing/forward-bench.ts';
import type { UpstreamStep } from '../testing/memory-upstream.ts';

const opening: UpstreamStep[] = [{ head: 200 }, { data: frames.role }];
const ending: UpstreamStep[] = [{ data: frames.finish }, { data: frames.done }, { end: true }];
const good: UpstreamStep[] = [...opening, { data: frames.text('hi') }, ...ending];
const disconnected = 'upstream_disconnected';

function run(scripts: Scripts, more: Omit<BenchOptions, 'scripts' | 'clock'> = {}) {
  const clock = createTestClock();
  return { clock, ...startForward({ scripts, clock, ...more }) };
}

/** The code of the error event that a stream ends with. */
function endOf(text: string): { code: string | undefined; last: string | undefined } {
  const events = eventsOf(text);
  return { code: /"code":"(\w+)"/.exec(events.at(-2) ?? '')?.[1], last: events.at(-1) };
}

it('gives a stream that comes in one piece its head, and ends it', async () => {
  const all = frames.role + frames.text('hi') + frames.finish + frames.done;
  const { outcome, outgoing } = run({ a: [{ head: 200 }, { data: all }, { end: true }] });
  expect(await outcome).toMatchObject({ kind: 'done' });
  expect(outgoing.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  expect([outgoing.text, outgoing.writableEnded]).toEqual([all, true]);
});

describe('before the commit point', () => {
  it.each<[string, UpstreamStep[], string]>([
    ['a refused connection', [{ fail: 'connect' }], 'connect'],
    ['a reset before the head', [{ fail: 'reset' }], 'reset'],
    ['a reset after the head and the role', [...opening, { fail: 'reset' }], 'reset'],
    ['an answer that is no HTTP', [{ fail: 'protocol' }], 'protocol'],
    ['an end before the first token', [...opening, { end: true }], 'truncated'],
    ['an empty stream', [{ head: 200 }, { data: frames.done }, { end: true }], 'truncated'],
    [
      'a 500',
      [{ head: 500, type: 'application/json' }, { data: '{"error":{"message":"x"}}' }, { end: true }],
      'status',
    ],
    ['a 503', [{ head: 503 }, { end: true }], 'status'],
    ['a 429', [{ head: 429 }, { end: true }], 'status'],
    ['a 401', [{ head: 401 }, { data: '{"error":"Unauthorized"}' }, { end: true }], 'unauthorized'],
    ['a 200 without a stream', [{ head: 200, type: 'text/html' }, { data: '<p>' }, { end: true }], 'protocol'],
    [
      'the engine’s own failure as the first event',
      [...opening, { data: 'data: { "error" : {"message":"dead","code":500}}\n\ndata: [DONE]\n\n' }, { end: true }],
      'error_frame',
    ],
  ])('retries %s elsewhere, and the client sees nothing of it', async (_, script, reason) => {
    const bench = run({ a: script, b: good });
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.losses).toEqual([reason]);
    expect(bench.outgoing.text).toBe(frames.role + frames.text('hi') + frames.finish + frames.done);
    expect(bench.slots).toEqual({ held: 0, released: 2 });
    expect(new Set(bench.upstream.sent.map(({ body }) => body)).size).toBe(1);
    expect(bench.upstream.sent).toHaveLength(2);
  });

  it('retries a replica that hangs beyond the time for a first token; its comments are no progress', async () => {
    const hanging: UpstreamStep[] = [...opening, { wait: true }, { data: ': still here\n\n' }, { wait: true }];
    const bench = run({ a: hanging, b: good });
    await bench.clock.advance(benchTimes.firstTokenTimeoutMs - 1);
    bench.upstream.sent[0]?.release();
    await bench.clock.advance(2);
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.losses).toEqual(['timeout']);
    expect(bench.upstream.sent[0]?.aborted).toBe(true);
    expect(contentOf(bench.outgoing.text)).toBe('hi');
  });

  it('tries a reset on a reused connection once more on a fresh one of the same replica, and calls it no failure', async () => {
    const bench = run({ a: [[{ fail: 'reset', reusedSocket: true }], good], b: [] });
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.losses).toEqual([]);
    expect(bench.upstream.sent.map(({ target, message }) => [target.replicaId, message.fresh])).toEqual([
      ['a', false],
      ['a', true],
    ]);
    expect(bench.ends).toEqual([['a', { kind: 'answered', usage: undefined }]]);
  });

  it('tries no other replica once its copy of the body was given up, and says so as any loss', async () => {
    const clock = createTestClock();
    const memory = new BodyRoom({ bytes: 10_000, firstReadBytes: 0, waitMs: 0 }, clock);
    const bench = startForward({
      scripts: { a: [{ head: 200 }, { wait: true }, { fail: 'reset' }], b: good },
      clock,
      memory,
    });
    await clock.advance(1);
    expect(bench.request.repeatable).toBe(true);
    expect([memory.take('endpoint', 9000), bench.request.repeatable]).toEqual([true, false]);
    bench.upstream.sent[0]?.release();
    expect(await bench.outcome).toMatchObject({ kind: 'lost', reason: 'reset', code: 'upstream_error' });
    expect([bench.upstream.sent.length, bench.outgoing.status]).toEqual([1, 502]);
    expect(memory.total).toBe(9000);
  });

  it('keeps its copy of the body while it is needed', async () => {
    const clock = createTestClock();
    const memory = new BodyRoom({ bytes: 10_000, firstReadBytes: 0, waitMs: 0 }, clock);
    const bench = startForward({ scripts: { a: [[{ fail: 'reset' }], good] }, clock, memory });
    await clock.advance(1);
    expect([memory.take('endpoint', 9000), bench.request.repeatable]).toEqual([false, true]);
    await clock.advance(benchTimes.capacityTimeoutMs);
    await bench.outcome;
  });

  it('gives up after the bound of attempts', async () => {
    const busy: UpstreamStep[] = [{ head: 503 }, { end: true }];
    const bench = run({ a: busy, b: busy, c: good }, { attemptsMax: 2 });
    expect(await bench.outcome).toMatchObject({ kind: 'lost', reason: 'status' });
    expect(bench.outgoing.status).toBe(503);
    expect(bench.upstream.sent).toHaveLength(2);
  });

  it.each<[string, UpstreamStep[]]>([
    ['nobody listens', [{ fail: 'connect' }]],
    ['the engine is another tenant’s', [{ head: 401 }, { end: true }]],
  ])('passes over any number of replicas where %s', async (_, away) => {
    const bench = run({ a: away, b: away, c: away, d: away, e: good }, { attemptsMax: 2 });
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.upstream.sent).toHaveLength(5);
  });

  it('asks a replica again that was lost for now when nobody else is there, but not one that hung', async () => {
    const back = run({ a: [[...opening, { fail: 'reset' }], good] });
    await back.clock.advance(1);
    back.changed();
    expect(await back.outcome).toMatchObject({ kind: 'done' });
    expect(contentOf(back.outgoing.text)).toBe('hi');
    const hung = run({ a: [[{ wait: true }], good] });
    await hung.clock.advance(benchTimes.firstTokenTimeoutMs + benchTimes.capacityTimeoutMs);
    expect(await hung.outcome).toMatchObject({ kind: 'lost', reason: 'timeout' });
    expect(hung.upstream.sent).toHaveLength(1);
  });

  it('relays what the engine said when no other replica is there', async () => {
    const said = '{"error":{"message":"overloaded","code":503}}';
    const bench = run({ a: [{ head: 503, type: 'application/json' }, { data: said }, { end: true }] });
    await bench.outcome;
    expect([bench.outgoing.status, bench.outgoing.text]).toEqual([503, said]);
  });

  it('never relays a 401 of an engine: it is another tenant’s', async () => {
    const bench = run({ a: [{ head: 401 }, { data: '{"error":"Unauthorized"}' }, { end: true }] });
    await bench.clock.advance(benchTimes.capacityTimeoutMs);
    await bench.outcome;
    expect(bench.outgoing.status).toBe(503);
    expect(Number(bench.outgoing.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(bench.outgoing.text).not.toContain('Unauthorized');
  });

  it('answers 503 with Retry-After when no replica comes in time', async () => {
    const bench = run({});
    await bench.clock.advance(benchTimes.capacityTimeoutMs);
    expect(await bench.outcome).toMatchObject({ kind: 'unplaced', code: 'no_replica' });
    expect(bench.outgoing.status).toBe(503);
    expect(bench.outgoing.text).toContain('no_replica');
  });
});

describe('heartbeats', () => {
  it('break the silence after 5 s and then every 10 s, and a failure after that is an error event', async () => {
    const bench = run({ a: [[{ head: 200 }, { wait: true }, { fail: 'reset' }], [{ fail: 'connect' }]] });
    await bench.clock.advance(4999);
    expect(bench.outgoing.headersSent).toBe(false);
    await bench.clock.advance(1);
    expect([bench.outgoing.status, bench.outgoing.text]).toEqual([200, ': keep-alive\n\n']);
    await bench.clock.advance(20_000);
    expect(bench.outgoing.text).toBe(': keep-alive\n\n'.repeat(3));
    bench.upstream.sent[0]?.release();
    await bench.clock.advance(benchTimes.capacityTimeoutMs);
    expect(await bench.outcome).toMatchObject({ kind: 'lost' });
    expect(endOf(bench.outgoing.text)).toEqual({ code: 'no_replica', last: '[DONE]' });
  });

  it('leave answers that are not streamed alone', async () => {
    const bench = run(
      { a: [{ head: 200, type: 'application/json' }, { wait: true }, { data: '{}' }, { end: true }] },
      { streamed: false },
    );
    await bench.clock.advance(30_000);
    expect(bench.outgoing.headersSent).toBe(false);
    bench.upstream.sent[0]?.release();
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect([bench.outgoing.status, bench.outgoing.text]).toEqual([200, '{}']);
  });
});

describe('after the commit point', () => {
  const begun: UpstreamStep[] = [...opening, { data: frames.text('hi') }];
  it.each<[string, UpstreamStep[]]>([
    ['a reset', [...begun, { fail: 'reset' }]],
    ['an end without [DONE]', [...begun, { end: true }]],
    ['half an event', [...begun, { data: 'data: {"choi' }, { fail: 'reset' }]],
    [
      'the engine’s error event',
      [...begun, { data: 'data: {"error": {"message": "dead", "code": 500}}\n\n' }, { data: frames.done }],
    ],
  ])('%s is an explicit error event, then [DONE], and no other replica is asked', async (_, script) => {
    const bench = run({ a: script, b: good });
    expect(await bench.outcome).toMatchObject({ kind: 'broken' });
    expect(endOf(bench.outgoing.text)).toEqual({ code: disconnected, last: '[DONE]' });
    expect(bench.outgoing.text.startsWith(frames.role + frames.text('hi'))).toBe(true);
    expect(bench.outgoing.writableEnded).toBe(true);
    expect(bench.upstream.sent).toHaveLength(1);
    expect(bench.slots).toEqual({ held: 0, released: 1 });
  });

  it('a pause between tokens beyond the bound is an error, whatever comments come', async () => {
    const bench = run({ a: [...begun, { wait: true }, { data: ':\n\n' }, { wait: true }] });
    await bench.clock.advance(benchTimes.tokenIdleTimeoutMs - 1000);
    bench.upstream.sent[0]?.release();
    await bench.clock.advance(1001);
    expect(await bench.outcome).toMatchObject({ kind: 'broken' });
    expect(endOf(bench.outgoing.text).code).toBe(disconnected);
    expect(bench.upstream.sent[0]?.aborted).toBe(true);
  });

  it('reads the usage event and hides it when the router had asked for it', async () => {
    const script = [
      ...begun,
      { data: frames.finish },
      { data: frames.usage(30, 2, 16) },
      { data: frames.done },
      { end: true },
    ] as const;
    const hidden = run({ a: script }, { hideUsage: true });
    const shown = run({ a: script });
    const usage = { promptTokens: 30, completionTokens: 2, cachedTokens: 16 };
    expect(await hidden.outcome).toMatchObject({ kind: 'done', usage });
    expect(await shown.outcome).toMatchObject({ kind: 'done', usage });
    expect(hidden.outgoing.text).toBe(frames.role + frames.text('hi') + frames.finish + frames.done);
    expect(shown.outgoing.text).toContain('"prompt_tokens":30');
  });

  it('pauses the engine while the client takes nothing, and goes on', async () => {
    const bench = run({ a: [...begun, { data: frames.text('there') }, ...ending] }, { room: 10 });
    await bench.clock.advance(1);
    expect(bench.upstream.sent[0]?.paused).toBe(true);
    expect(contentOf(bench.outgoing.text)).toBe('hi');
    await bench.clock.advance(benchTimes.tokenIdleTimeoutMs + 1000);
    bench.outgoing.take(1e6);
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(contentOf(bench.outgoing.text)).toBe('hithere');
  });

  it('cuts a client that takes nothing for too long, and frees the replica', async () => {
    const bench = run({ a: [...begun, { wait: true }] }, { room: 10 });
    await bench.clock.advance(benchTimes.clientStallTimeoutMs);
    expect(await bench.outcome).toMatchObject({ kind: 'cancelled' });
    expect(bench.outgoing.destroyed).toBe(true);
    expect(bench.upstream.sent[0]?.aborted).toBe(true);
    expect(bench.slots.held).toBe(0);
  });
});

describe('a client that leaves', () => {
  it.each<[string, UpstreamStep[], boolean]>([
    ['before the head', [{ wait: true }], true],
    ['before the first token', [...opening, { wait: true }], true],
    ['in the middle', [...opening, { data: frames.text('x') }, { wait: true }], true],
    ['while the answer is made that is not streamed', [{ wait: true }], false],
  ])('%s ends the engine’s work', async (_, script, streamed) => {
    const bench = run({ a: script, b: good }, { streamed });
    await bench.clock.advance(1);
    bench.outgoing.destroy();
    expect(await bench.outcome).toMatchObject({ kind: 'cancelled' });
    expect(bench.upstream.sent.map(({ aborted }) => aborted)).toEqual([true]);
    expect(bench.slots).toEqual({ held: 0, released: 1 });
  });

  it('while it waits for a replica leaves nothing behind', async () => {
    const bench = run({});
    await bench.clock.advance(1);
    bench.outgoing.destroy();
    expect(await bench.outcome).toMatchObject({ kind: 'cancelled' });
    expect(bench.outgoing.text).toBe('');
    const { id } = bench.request;
    const route = { requestId: id, at: expect.stringMatching(/Z$/), attempts: [], code: 'client_gone' };
    expect(bench.routes.answer(`/debug/route/${id}`)?.body).toMatchObject(route);
  });
});

describe('an engine’s refusal', () => {
  it('is relayed as it is when it is JSON', async () => {
    const said = '{"error": {"code":400,"message":"too long","type":"exceed_context_size_error"}}';
    const bench = run({ a: [{ head: 400, type: 'application/json' }, { data: said }, { end: true }], b: good });
    expect(await bench.outcome).toMatchObject({ kind: 'answered' });
    expect([bench.outgoing.status, bench.outgoing.text]).toEqual([400, said]);
    expect(bench.upstream.sent).toHaveLength(1);
  });

  it('is wrapped when it is not', async () => {
    const bench = run({ a: [{ head: 422, type: 'text/plain' }, { data: 'no such thing' }, { end: true }] });
    await bench.outcome;
    expect(bench.outgoing.status).toBe(422);
    expect(JSON.parse(bench.outgoing.text)).toMatchObject({
      error: { message: 'The model server answered 422: no such thing' },
    });
  });

  it('comes as an error event once the head is out', async () => {
    const said = '{"detail":"Not Found"}';
    const bench = run({ a: [{ wait: true }, { head: 404, type: 'application/json' }, { data: said }, { end: true }] });
    await bench.clock.advance(6000);
    bench.upstream.sent[0]?.release();
    await bench.outcome;
    expect(bench.outgoing.text).toContain('"code":"unknown_route","original":{"detail":"Not Found"}');
    expect(eventsOf(bench.outgoing.text).at(-1)).toBe('[DONE]');
  });
});
