import { describe, expect, it } from 'vitest';
import { contentOf } from '../testing/chat-frames.ts';
import type { Scripts } from '../testing/forward-bench.ts';
import { answers, begun, errorIn, run } from '../testing/verdict-steps.ts';

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
