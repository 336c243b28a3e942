import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { contentOf, eventsOf, frames } from '../testing/chat-frames.ts';
import { startForward, type BenchOptions, type Scripts } from '../testing/forward-bench.ts';
import type { UpstreamStep } from '../testing/memory-upstream.ts';

const begun: UpstreamStep[] = [{ head: 200 }, { data: frames.role }, { data: frames.text('hi') }];
const good: UpstreamStep[] = [...begun, { data: frames.finish }, { data: frames.done }, { end: true }];
const json = 'application/json';
const answers = (status: number, body: string, headers: Record<string, string> = {}): UpstreamStep[] => [
  { head: status, type: json, headers },
  { data: body },
  { end: true },
];
const run = (scripts: Scripts, more: Partial<BenchOptions> = {}) => {
  const clock = createTestClock();
  return { clock, ...startForward({ scripts, clock, ...more }) };
};
const errorIn = (text: string): Record<string, unknown> =>
  (JSON.parse(eventsOf(text).at(-2) ?? text) as { error: Record<string, unknown> }).error;

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

describe('what a client is told', () => {
  it.each<[string, Scripts, number, string]>([
    ['when nobody listens', { a: [{ fail: 'connect' }], b: [{ fail: 'connect' }] }, 503, 'no_replica'],
    ['when the answer is none', { a: answers(204, ''), b: answers(204, '') }, 502, 'upstream_error'],
    ['when it broke off', { a: [...begun, { fail: 'reset' }] }, 200, 'upstream_disconnected'],
  ])('%s is never who was asked or how it failed', async (...row) => {
    const [, scripts, status, code] = row;
    const bench = run(scripts);
    await bench.clock.advance(10_000);
    await bench.outcome;
    expect(bench.outgoing.status).toBe(status);
    expect(errorIn(bench.outgoing.text)).toMatchObject({ code });
    if (status === 503) expect(Number(bench.outgoing.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(bench.outgoing.text).not.toMatch(/as told|127\.0\.0\.1|reset|ECONN/);
  });

  it.each<[string, string, string, unknown]>([
    ['FastAPI’s', '{"detail":"Not Found"}', 'Not Found', { detail: 'Not Found' }],
    [
      'FastAPI’s list',
      '{"detail":[{"loc":["body"],"msg":"too short"},{"msg":"and wrong"}]}',
      'too short; and wrong',
      { detail: [{ loc: ['body'], msg: 'too short' }, { msg: 'and wrong' }] },
    ],
    [
      'older vLLM’s',
      '{"object":"error","message":"no such","code":404}',
      'no such',
      { object: 'error', message: 'no such', code: 404 },
    ],
    ['a text', '{"error":"Unauthorized use"}', 'Unauthorized use', { error: 'Unauthorized use' }],
    ['a JSON string', '"nope"', 'nope', 'nope'],
    ['plain words', 'no way', 'The model server answered 400: no way', 'no way'],
  ])('of a refusal in another shape (%s) is the same before and after the head', async (...row) => {
    const [, body, message, original] = row;
    const before = run({ a: answers(400, body) });
    await before.outcome;
    const after = run({ a: [{ wait: true }, ...answers(400, body)] });
    await after.clock.advance(6000);
    after.upstream.sent[0]?.release();
    await after.outcome;
    expect([before.outgoing.status, after.outgoing.status]).toEqual([400, 200]);
    const told = { message, type: 'invalid_request_error', param: null, code: 'bad_request', original };
    expect(errorIn(before.outgoing.text)).toEqual(told);
    expect(errorIn(after.outgoing.text)).toEqual(told);
    expect(contentOf(after.outgoing.text.replace(/data: \{"error".*\n\n/, ''))).toBe('');
  });

  it('of a refusal in its API’s shape is what the engine said, on one line', async () => {
    const said = '{\n "error": {"message": "too long", "code": 400}}';
    const bench = run({ a: [{ wait: true }, ...answers(400, said)] });
    await bench.clock.advance(6000);
    bench.upstream.sent[0]?.release();
    await bench.outcome;
    expect(errorIn(bench.outgoing.text)).toEqual({ message: 'too long', code: 400 });
  });
});
