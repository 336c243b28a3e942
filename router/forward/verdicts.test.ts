import { describe, expect, it } from 'vitest';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { eventsOf, frames } from '../testing/chat-frames.ts';
import type { UpstreamStep } from '../testing/memory-upstream.ts';
import { answers, begun, errorIn, good, json, run } from '../testing/verdict-steps.ts';

describe('the end of a stream, and what it says of the answer and of the replica', () => {
  const failed = (failure: 'reset' | 'protocol'): SlotEnd => ({ kind: 'failed', failure });
  const left: SlotEnd = { kind: 'left' };
  const answered: SlotEnd = { kind: 'answered', usage: undefined };
  it.each<[string, UpstreamStep[], 'done' | 'broken', SlotEnd]>([
    ['a finish, then the mark', good.slice(1), 'done', answered],
    ['the mark without a finish', [{ data: frames.done }, { end: true }], 'done', answered],
    ['a finish and a clean end', [{ data: frames.finish }, { end: true }], 'done', answered],
    [
      'a mark that lacks its blank line',
      [{ data: frames.finish }, { data: 'data: [DONE]' }, { end: true }],
      'done',
      answered,
    ],
    ['a finish, then a reset', [{ data: frames.finish }, { fail: 'reset' }], 'done', failed('reset')],
    ['a clean end', [{ end: true }], 'broken', left],
    ['a reset', [{ fail: 'reset' }], 'broken', failed('reset')],
    ['what is no HTTP', [{ fail: 'protocol' }], 'broken', failed('protocol')],
  ])('%s', async (...row) => {
    const [, rest, kind, end] = row;
    const bench = run({ a: [...begun, ...rest] });
    expect(await bench.outcome).toMatchObject({ kind });
    expect(bench.ends).toEqual([['a', end]]);
    const events = eventsOf(bench.outgoing.text);
    expect(events.at(-1)).toBe('[DONE]');
    expect(events.some((event) => event.startsWith('{"error"'))).toBe(kind === 'broken');
  });

  it('makes no failure of an engine that leaves its end marks out, however often', async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const bench = run({ a: [...begun, { end: true }] });
      await bench.outcome;
      expect(bench.ends).toEqual([['a', left]]);
    }
  });
});

describe('an engine that is busy', () => {
  const busyFrame = 'data: {"error":{"message":"slow down","code":429}}\n\n';
  it.each([
    [429, { 'retry-after': '30' }, '30'],
    [503, { 'retry-after': '7' }, '7'],
    [503, { 'retry-after': '3600' }, '60'],
    [429, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }, '1'],
    [429, { 'retry-after-ms': '1500' }, '2'],
    [503, {}, '1'],
    [429, { 'retry-after': 'soon' }, '1'],
  ])('with %i %o tells the client to come back after %s s', async (status, headers, after) => {
    const bench = run({ a: answers(status, '{"error":{"message":"busy"}}', headers) });
    await bench.outcome;
    expect([bench.outgoing.status, bench.outgoing.headers['retry-after']]).toEqual([status, after]);
    expect(bench.ends).toEqual([['a', { kind: 'refused' }]]);
  });

  it('means the same in an event as in a status', async () => {
    const elsewhere = run({ a: [{ head: 200 }, { data: busyFrame }], b: good });
    expect(await elsewhere.outcome).toMatchObject({ kind: 'done' });
    expect(elsewhere.ends[0]).toEqual(['a', { kind: 'refused' }]);
    const alone = run({ a: [{ head: 200 }, { data: busyFrame }] });
    await alone.outcome;
    expect([alone.outgoing.status, alone.outgoing.headers['retry-after']]).toEqual([429, '1']);
    expect(errorIn(alone.outgoing.text)).toMatchObject({ message: 'slow down' });
  });
});

describe('a refusal whose body does not come to its end', () => {
  it.each<[number, string, UpstreamStep]>([
    [400, 'answered', { fail: 'reset' }],
    [400, 'answered', { wait: true }],
    [503, 'refused', { fail: 'reset' }],
    [500, 'faulted', { wait: true }],
  ])('is what its status says: %i, %s, %o', async (status, kind, last) => {
    const bench = run({ a: [{ head: status, type: json }, { data: '{"detail":"too lo' }, last] });
    await bench.clock.advance(2000);
    await bench.outcome;
    expect(bench.outgoing.status).toBe(status);
    expect(bench.outgoing.text).toContain('too lo');
    expect(bench.ends.map(([, end]) => end.kind)).toEqual([kind]);
  });
});

describe('an error that came as a success', () => {
  const event = (text: string): UpstreamStep[] => [{ head: 200 }, { data: `${text}\n\n` }, { end: true }];
  it.each<[string, UpstreamStep[], boolean]>([
    ['an event of that name', event('event: error\ndata: {"message":"too long","code":400}'), true],
    ['an event that is one', event('data: {"object":"error","message":"too long","code":400}'), true],
    ['a text with its status beside it', event('data: {"error":"too long","status":400}'), true],
    ['JSON in place of a stream', answers(200, '{"error":{"message":"too long","code":400}}'), true],
    ['JSON in place of an answer', answers(200, '{"object":"error","message":"too long","code":400}'), false],
  ])('means what its status says: %s', async (...[, steps, streamed]) => {
    const bench = run({ a: steps, b: good }, { streamed });
    expect(await bench.outcome).toMatchObject({ kind: 'answered', code: 'engine_refused' });
    expect([bench.outgoing.status, bench.ends.length]).toEqual([400, 1]);
    expect(JSON.parse(bench.outgoing.text)).toMatchObject({ error: { message: 'too long' } });
  });

  it('is another replica’s chance when it is the engine’s own', async () => {
    const bench = run({ a: answers(200, '{"error":{"message":"oom","code":500}}'), b: good });
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.ends[0]).toEqual(['a', { kind: 'faulted' }]);
  });

  it('and an answer in place of a stream, which every replica may give to this request, make no replica fail', async () => {
    const page: UpstreamStep[] = [{ head: 200, type: 'text/html' }, { data: '<p>' }, { end: true }];
    const bench = run({ a: page, b: answers(307, '') });
    expect(await bench.outcome).toMatchObject({ kind: 'lost', reason: 'protocol' });
    expect(bench.ends.map(([, { kind }]) => kind)).toEqual(['faulted', 'faulted']);
    expect([bench.outgoing.status, bench.outgoing.text]).toEqual([502, expect.stringContaining('upstream_error')]);
  });
});

describe('a whole answer whose end is the end of its connection', () => {
  const whole = '{"choices":[{"message":{"content":"{}"}}]}';
  it.each<[string, string, Record<string, string>, number]>([
    ['is an answer', `${whole}\n`, {}, 1],
    ['was cut when it lacks its last brace', whole.slice(0, 20), {}, 2],
    ['is what it is when its length was told', whole.slice(0, 20), { 'content-length': '20' }, 1],
  ])('%s', async (...[, body, headers, tries]) => {
    const bench = run({ a: answers(200, body, headers), b: answers(200, whole) }, { streamed: false });
    expect(await bench.outcome).toMatchObject({ kind: 'done' });
    expect(bench.upstream.sent).toHaveLength(tries);
    expect(bench.outgoing.text).toBe(tries === 1 ? body : whole);
  });
});
