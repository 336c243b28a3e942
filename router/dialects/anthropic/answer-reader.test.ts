import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordedAnswer } from '../../testing/recorded-answer.ts';
import type { EventKind } from '../dialect.ts';
import { endMark, MessageReader } from './answer-reader.ts';
import { usageOf } from './usage.ts';

function read(...texts: readonly string[]) {
  const reader = new MessageReader();
  const events: [EventKind, string | undefined][] = [];
  const take = (kind: EventKind, bytes: Buffer | undefined): void => void events.push([kind, bytes?.toString()]);
  for (const text of texts) reader.read(Buffer.from(text), take);
  reader.end(take);
  return { events, usage: reader.usage, finished: reader.finished };
}

const event = (type: string, more: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const block = (content_block: object) => event('content_block_start', { index: 0, content_block });
const delta = (of: object) => event('content_block_delta', { index: 0, delta: of });
const text = delta({ type: 'text_delta', text: 'a' });
const kindsOf = (...texts: readonly string[]): EventKind[] => read(...texts).events.map(([kind]) => kind);

describe('the commit point of a streamed message', () => {
  it.each<[string, EventKind[]]>([
    [': keep-alive\n\n', []],
    [event('ping'), []],
    ['data: {"type":"ping"}\n\n', []],
    [event('message_start', { message: { content: [] } }), ['opening']],
    [block({ type: 'text', text: '' }), ['opening']],
    [block({ type: 'text', text: 'a' }), ['content']],
    [block({ type: 'thinking', thinking: '' }), ['opening']],
    [block({ type: 'tool_use', id: 't', name: 'n', input: {} }), ['content']],
    [block({ type: 'redacted_thinking', data: 'x' }), ['content']],
    [delta({ type: 'text_delta', text: '' }), ['opening']],
    [text, ['content']],
    [delta({ type: 'thinking_delta', thinking: 'a' }), ['content']],
    [delta({ type: 'input_json_delta', partial_json: '{' }), ['content']],
    [event('content_block_stop', { index: 0 }), ['opening']],
    [event('message_delta', { delta: { stop_reason: 'end_turn' } }), ['content']],
    [event('of_a_later_version', { x: 1 }), ['content']],
    ['data: not json\n\n', ['opening']],
    ['event: error\ndata: not json\n\n', ['error']],
    [event('message_stop'), ['done']],
    ['data: [DONE]\n\n', ['done']],
    [event('error', { error: { type: 'overloaded_error', message: 'm' } }), ['error']],
    ['event: error\ndata: no json\n\n', ['error']],
    ['data: {"error":{"message":"m","code":500}}\n\n', ['error']],
    ['data: {"type":"error","error":{"message":"m"}}\n\n', ['error']],
  ])('%j is %j', (frame, kinds) => {
    expect(kindsOf(frame)).toEqual(kinds);
  });

  it('is passed once: after it nothing is held, and pings are still none', () => {
    const more = [block({ type: 'text', text: '' }), event('content_block_stop'), event('ping'), text];
    expect(kindsOf(text, ...more)).toEqual(['content', 'content', 'content', 'content']);
  });
});

describe('the end of a streamed message', () => {
  it('is told by a reason to stop, and marked as clients expect it also where an engine marks it otherwise', () => {
    expect(read(text, event('message_delta', { delta: { stop_reason: null } })).finished).toBe(false);
    expect(read(text, event('message_delta', { delta: { stop_reason: 'tool_use' } })).finished).toBe(true);
    expect(read(text, 'data: [DONE]').events.at(-1)).toEqual(['done', endMark.toString()]);
    expect(kindsOf(text, 'event: content_block_delta\ndata: {"type":"content_b')).toEqual(['content']);
  });

  it('brings the counts that came before it, the newest of each', () => {
    const start = event('message_start', { message: { usage: { input_tokens: 5, cache_read_input_tokens: 20 } } });
    const stop = event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 4 } });
    expect(read(start, text, stop).usage).toEqual({ promptTokens: 25, completionTokens: 4, cachedTokens: 20 });
    expect(read(text).usage).toBeUndefined();
  });
});

describe('what real engines send', () => {
  it('comes out byte for byte, wherever it is cut', () => {
    const { body } = recordedAnswer('vllm-messages-stream');
    const whole = read(body);
    expect(whole.events.map(([, bytes]) => bytes).join('')).toBe(body.trimEnd() + '\n\n');
    const kinds = ['opening', 'opening', ...Array.from({ length: 6 }, () => 'content'), 'done'];
    expect(whole.events.map(([kind]) => kind)).toEqual(kinds);
    expect(whole).toMatchObject({
      finished: true,
      usage: { promptTokens: 11, completionTokens: 4, cachedTokens: 0 },
    });
    for (let at = 0; at < body.length; at += 1) expect(read(body.slice(0, at), body.slice(at))).toEqual(whole);
    const cuts = fc.array(fc.nat(body.length), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (places) => {
        const at = [0, ...places.toSorted((a, b) => a - b), body.length];
        expect(read(...at.slice(1).map((end, i) => body.slice(at[i], end)))).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  it('tells its usage at the end of a whole message', () => {
    expect(usageOf(Buffer.from(recordedAnswer('llama-messages').body))).toEqual({
      promptTokens: 25,
      completionTokens: 4,
      cachedTokens: 20,
    });
    expect(usageOf(Buffer.from('{"input_tokens":3}'))).toBeUndefined();
    expect(usageOf(Buffer.from('{"usage":{"input_tokens":3,"output_tokens":-1}}'))).toBeUndefined();
  });
});
