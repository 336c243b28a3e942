import { describe, expect, it } from 'vitest';
import { chatCompletions } from './chat-completions.ts';
import { completions } from './completions.ts';
import { findUsage } from './usage.ts';

const read = (text: string, opened = false) => chatCompletions.readFrame(Buffer.from(`${text}\n\n`), opened);
const delta = (value: object, rest = '') =>
  `data: {"choices":[{"index":0,"delta":${JSON.stringify(value)},"finish_reason":null}]${rest}}`;

describe('the commit point of a chat stream', () => {
  it.each([
    ['comment', ': ping'],
    ['comment', 'event: x'],
    ['opening', delta({ role: 'assistant', content: '' })],
    ['opening', delta({ role: 'assistant', content: null })],
    ['opening', delta({ tool_calls: [] })],
    ['opening', 'data: {"choices":[]}'],
    ['content', delta({ content: 'a' })],
    ['content', delta({ reasoning: 'a' })],
    ['content', delta({ reasoning_content: 'a' })],
    ['content', delta({ tool_calls: [{ index: 0 }] })],
    ['content', 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}'],
    ['content', 'data: not json'],
    ['content', `event: message\n${delta({ content: 'a' })}`],
    ['error', 'data: { "error" : {"message":"x"}}'],
    ['done', 'data: [DONE]'],
    ['done', 'data:[DONE]'],
  ])('%s: %s', (kind, text) => expect(read(text).kind).toBe(kind));
});

describe('a stream that is open', () => {
  it.each([
    ['content', delta({ content: '"error" and \\"choices\\" and "usage"' })],
    ['content', delta({ content: 'a' }, ',"usage":null')],
    ['content', delta({ content: 'a' }, ',"usage":{"prompt_tokens":1,"completion_tokens":1}')],
    ['usage', 'data: {"id":"x","choices": [ ],"usage": {"prompt_tokens": 1}}'],
    ['error', 'data: {"error": {"message":"x"}}'],
    ['done', 'data: [DONE]'],
  ])('%s: %s', (kind, text) => expect(read(text, true).kind).toBe(kind));

  it('sees the end of a choice and the usage beside it', () => {
    const text =
      'data: {"choices":[{"delta":{"content":"x"},"finish_reason": "length"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}';
    expect(read(text, true)).toMatchObject({ kind: 'content', finished: true, usage: { promptTokens: 7 } });
    expect(read(delta({ content: '"finish_reason":"stop"' }), true).finished).toBe(false);
  });
});

describe('completions', () => {
  it('commits at the first text', () => {
    const text = (value: string) => Buffer.from(`data: {"choices":[{"text":"${value}","finish_reason":null}]}\n\n`);
    expect(completions.readFrame(text(''), false).kind).toBe('opening');
    expect(completions.readFrame(text('a'), false).kind).toBe('content');
  });
});

describe('findUsage', () => {
  it('reads the last usage of a long answer without parsing it', () => {
    const body = `{"choices":[{"text":"${'\\"usage\\": {} '.repeat(1000)}"}],"usage": {"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":8}},"timings":{"a":{}}}`;
    expect(findUsage(Buffer.from(body))).toEqual({ promptTokens: 9, completionTokens: 4, cachedTokens: 8 });
  });

  it('is undefined when there is none or it makes no sense', () => {
    for (const text of [
      '{}',
      '{"usage":null}',
      '{"usage":{"prompt_tokens":"1"}}',
      '{"usage":{"prompt_tokens":1',
      '"usage"',
    ])
      expect(findUsage(Buffer.from(text))).toBeUndefined();
  });

  it('does not know cached tokens that are not told', () => {
    expect(findUsage(Buffer.from('{"usage":{"prompt_tokens":1,"prompt_tokens_details":null}}'))).toEqual({
      promptTokens: 1,
      completionTokens: 0,
      cachedTokens: undefined,
    });
  });
});
