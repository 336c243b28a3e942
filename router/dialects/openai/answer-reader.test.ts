import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Usage } from '../../replicas/usage.ts';
import type { AnswerReader, EventKind } from '../dialect.ts';
import { OpenAiReader, type Asked } from './answer-reader.ts';
import { chatCompletions, completions } from './routes.ts';
import { findUsage } from './usage.ts';
import { recordedAnswer } from '../../testing/recorded-answer.ts';
import { Scanner } from '../../scan/scanner.ts';

interface Read {
  readonly events: [EventKind, string | undefined][];
  readonly usage: Usage | undefined;
  readonly finished: boolean;
}

const asks = (asked: Partial<Asked> = {}) => ({
  choices: 1,
  prompts: 1,
  usageAtEnd: false,
  usageEverywhere: false,
  ...asked,
});
const hasText = (choice: Readonly<Record<string, unknown>>) => JSON.stringify(choice).includes('"content":"');

function readerOf(body: object, dialect = chatCompletions): AnswerReader {
  const scanner = new Scanner(dialect.body);
  scanner.write(Buffer.from(JSON.stringify(body)));
  const scan = scanner.end();
  if (!scan.ok) throw new Error(scan.code);
  return dialect.reader(scan);
}

/** What comes of a stream that ends as HTTP says it should. */
function read(reader: AnswerReader, ...texts: readonly string[]): Read {
  const events: [EventKind, string | undefined][] = [];
  const take = (kind: EventKind, bytes: Buffer | undefined): void => void events.push([kind, bytes?.toString()]);
  for (const text of texts) reader.read(Buffer.from(text), take);
  reader.end(take);
  return { events, usage: reader.usage, finished: reader.finished };
}

const kindsOf = (...texts: readonly string[]): EventKind[] =>
  read(readerOf({ stream_options: { include_usage: true } }), ...texts.map((text) => `${text}\n\n`)).events.map(
    ([kind]) => kind,
  );
const delta = (value: object, rest = '') =>
  `data: {"choices":[{"index":0,"delta":${JSON.stringify(value)},"finish_reason":null}]${rest}}`;
const finish = (index = 0, rest = '') =>
  `data: {"choices":[{"index":${index},"delta":{},"finish_reason":"stop"}],"id":"x"${rest}}\n\n`;
const usage = (prompt: number, completion: number, rest = '') =>
  `data: {"choices":[],"id":"x","usage":{"prompt_tokens":${prompt},"completion_tokens":${completion}}${rest}}\n\n`;
const text = (content: string) => `${delta({ content })}\n\n`;
const done = 'data: [DONE]\n\n';

describe('the commit point of a chat stream', () => {
  it.each<[string, EventKind[]]>([
    [': ping', []],
    ['event: x', []],
    ['data:', []],
    ['data: null', []],
    ['data: {}', []],
    ['data: { }', []],
    ['data: []', []],
    [delta({ role: 'assistant', content: '' }), ['opening']],
    [delta({ role: 'assistant', content: null }), ['opening']],
    [delta({ tool_calls: [] }), ['opening']],
    ['data: {"choices":[]}', ['opening']],
    ['data: {"choices":[],"prompt_filter_results":[{}]}', ['opening']],
    [delta({ role: 'assistant' }).replace('null', '""'), ['opening']],
    [delta({ content: 'a' }), ['content']],
    [delta({ reasoning: 'a' }), ['content']],
    [delta({ reasoning_content: 'a' }), ['content']],
    [delta({ tool_calls: [{ index: 0 }] }), ['content']],
    ['data: {"choices":[{"delta":{},"finish_reason":"stop"}]}', ['content']],
    ['data: not json', ['opening']],
    ['data: "text"', ['opening']],
    [`event: message\n${delta({ content: 'a' })}`, ['content']],
    [`\ufeff${delta({ content: 'a' })}`, ['content']],
    ['data: { "error" : {"message":"x"}}', ['error']],
    ['data: {"error":false,"choices":[{"delta":{"content":"a"}}]}', ['content']],
    ['error: {"code":400,"message":"x"}', ['error']],
    ['event: error\ndata: {"message":"x"}', ['error']],
    ['event:error\ndata: no json', ['error']],
    ['data: {"object":"error","message":"x","code":400}', ['error']],
    ['data: {"detail":[{"msg":"x"}]}', ['error']],
    ['data: [DONE]', ['done']],
    ['data:[DONE]', ['done']],
    ['data:   [DONE]', ['done']],
  ])('%s: %s', (event, kinds) => expect(kindsOf(event)).toEqual(kinds));
});

describe('a stream that is open', () => {
  it.each<[string, EventKind[]]>([
    ['data: null', []],
    ['data: {}', []],
    ['data:', []],
    [delta({ content: '"error" and \\"choices\\" and "usage"' }), ['content']],
    [delta({ content: 'a' }, ',"usage":null'), ['content']],
    [delta({ content: 'a' }, ',"usage":{"prompt_tokens":1,"completion_tokens":1}'), ['content']],
    ['data: {"id":"x","choices": [ ],"usage": {"prompt_tokens": 1}}', ['meta']],
    ['data: {"error": {"message":"x"}}', ['error']],
    ['event: error\ndata: {"message":"x"}', ['error']],
    ['data: {"detail":"x"}', ['error']],
    ['data: not json', ['content']],
    ['data: {"id":"x","timings":{"predicted_n":1}}', ['content']],
    ['data: {"id":"x","error":{"code":502},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}', ['error']],
    ['data: {"error":null,"choices":[{"delta":{"content":"a"}}]}', ['content']],
    ['data: {"error":false,"choices":[{"delta":{"content":"a"}}]}', ['content']],
    ['data: {"error": "","choices":[{"delta":{"content":"a"}}]}', ['content']],
    ['data: {"error":{},"choices":[{"delta":{"content":"a"}}]}', ['error']],
    ['data: [DONE]', ['done']],
  ])('%s: %s', (event, kinds) => expect(kindsOf(delta({ content: 'a' }), event)).toEqual(['content', ...kinds]));

  it('knows the end of a choice by a reason that says something', () => {
    const open = () => new OpenAiReader(hasText, asks());
    expect(read(open(), text('x'), finish(), done).finished).toBe(true);
    expect(read(open(), text('x'), `${delta({ content: 'y' }).replace('null', '""')}\n\n`, done).finished).toBe(false);
    expect(read(open(), text('"finish_reason":"stop"'), done).finished).toBe(false);
    const two = () => new OpenAiReader(hasText, asks({ choices: 2 }));
    expect(read(two(), text('x'), finish(0), done).finished).toBe(false);
    expect(read(two(), text('x'), finish(0), finish(1), done).finished).toBe(true);
  });

  it('counts an event that lacks its blank line at the end of the body, and not half an event', () => {
    const whole = read(new OpenAiReader(hasText, asks()), text('x'), finish(), 'data: [DONE]');
    expect(whole.events.map(([kind]) => kind)).toEqual(['content', 'content', 'done']);
    const half = read(new OpenAiReader(hasText, asks()), text('x'), 'data: {"choices":[{"finish_re');
    expect(half.events.map(([kind]) => kind)).toEqual(['content']);
    const last = read(new OpenAiReader(hasText, asks()), text('x'), finish().trimEnd());
    expect([last.finished, last.events.length]).toEqual([true, 2]);
  });
});

describe('completions', () => {
  it('commits at the first text', () => {
    const event = (value: string) => `data: {"choices":[{"text":"${value}","finish_reason":null}]}\n\n`;
    const kinds = read(readerOf({}, completions), event(''), event('a')).events.map(([kind]) => kind);
    expect(kinds).toEqual(['opening', 'content']);
  });

  it.each<[number, object]>([
    [1, { prompt: 'x' }],
    [1, { prompt: [1, 2, 3] }],
    [2, { prompt: ['x', ''] }],
    [3, { prompt: [[1], [2, 3], []] }],
    [4, { prompt: ['x', 'y'], n: 2 }],
    [2, { prompt: 'x', n: 2 }],
    [2, { n: 2 }],
    [1, { prompt: [], n: null }],
    [1, { prompt: 'x', best_of: 3 }],
  ])('have %i choices for %j, and each one ends before the whole', (choices, body) => {
    const ends = Array.from({ length: choices }, (_, index) => finish(index));
    expect(read(readerOf(body, completions), ...ends).finished).toBe(true);
    expect(read(readerOf(body, completions), ...ends.slice(1)).finished).toBe(false);
  });

  it('count every prompt of a list once, as llama-server tells it: for each choice', () => {
    const { body } = recordedAnswer('llama-completions-four-choices');
    const result = read(readerOf({ prompt: ['hello', 'a b c d'], n: 2 }, completions), body);
    expect([result.finished, result.events.at(-1)?.[0]]).toEqual([true, 'done']);
    expect(result.usage).toEqual({ promptTokens: 3 + 4, completionTokens: 4 * 2, cachedTokens: 0 });
    const lost = read(readerOf({ prompt: ['a', 'b'], n: 2 }, completions), body.slice(0, body.lastIndexOf('data: {')));
    expect(lost.finished).toBe(false);
  });
});

describe('usage of a stream', () => {
  const open = (asked: Partial<Asked>) => new OpenAiReader(hasText, asks(asked));

  it('is shown to those who asked for it, and to nobody else', () => {
    const events = [text('x'), finish(), usage(7, 2), done];
    const shown = read(open({ usageAtEnd: true }), ...events);
    const hidden = read(open({}), ...events);
    expect(shown.events.map(([, bytes]) => bytes ?? '').join('')).toBe(events.join(''));
    expect(hidden.events.map(([, bytes]) => bytes ?? '').join('')).toBe(text('x') + finish() + done);
    for (const one of [shown, hidden])
      expect(one.usage).toEqual({ promptTokens: 7, completionTokens: 2, cachedTokens: undefined });
  });

  it('leaves what else its event carries where engines put it for those who do not ask', () => {
    const timings = ',"timings":{"cache_n":24,"prompt_ms":1.5}';
    const seen = read(open({}), text('x'), finish(), usage(7, 2, timings), done);
    expect(seen.events.map(([, bytes]) => bytes ?? '').join('')).toBe(text('x') + finish(0, timings) + done);
  });

  it('adds up over the choices where each has an event of its own', () => {
    const llama = [text('x'), finish(0), usage(7, 2), finish(1), usage(7, 3), done];
    expect(read(open({ choices: 2 }), ...llama).usage).toMatchObject({ promptTokens: 7, completionTokens: 5 });
    const vllm = [text('x'), finish(0), finish(1), usage(7, 5), done];
    expect(read(open({ choices: 2 }), ...vllm).usage).toMatchObject({ promptTokens: 7, completionTokens: 5 });
  });

  it('takes the newest of those that grow beside the content, per choice', () => {
    const beside = (index: number, tokens: number, reason = 'null') =>
      `data: {"choices":[{"index":${index},"delta":{"content":"a"},"finish_reason":${reason}}],"usage":{"prompt_tokens":7,"completion_tokens":${tokens}}}\n\n`;
    const events = [beside(0, 1), beside(1, 1), beside(0, 2), beside(1, 4, '"stop"'), beside(0, 3, '"stop"'), done];
    expect(read(open({ choices: 2 }), ...events).usage).toMatchObject({ promptTokens: 7, completionTokens: 7 });
    const asked = read(open({ usageEverywhere: true, usageAtEnd: true }), beside(0, 1), beside(0, 2, '"stop"'), done);
    expect(asked.events[0]?.[1]).toBe(beside(0, 1));
    const onlyOurs = read(open({ usageEverywhere: true }), beside(0, 1), beside(0, 2, '"stop"'), done);
    expect(onlyOurs.events.map(([, bytes]) => bytes ?? '').join('')).not.toContain('usage');
    expect(onlyOurs.usage).toMatchObject({ completionTokens: 2 });
  });
});

describe('where a stream is cut', () => {
  const timings = ',"timings":{"cache_n":24}';
  const streams = [
    [text('x'), finish(0), usage(7, 2, timings), done],
    [': c\n\n', 'data: null\n\n', text('é😀'), finish(0).replaceAll('\n', '\r\n'), 'data: {}\n\n', done],
    [text('a'), finish(0), text('b'), finish(1), usage(7, 5), 'data: [DONE]'],
    [text('a'), 'data: {"error":{"message":"x"}}\n\n', done],
  ];
  it('makes no difference', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...streams),
        fc.constantFrom(1, 2),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (events, choices, sizes) => {
          const bytes = Buffer.from(events.join(''));
          const reader = new OpenAiReader(hasText, asks({ choices }));
          const seen: [EventKind, string | undefined][] = [];
          const take = (kind: EventKind, one: Buffer | undefined): void => void seen.push([kind, one?.toString()]);
          for (let at = 0, i = 0; at < bytes.length; i += 1) {
            const size = sizes[i % sizes.length] ?? 1;
            reader.read(bytes.subarray(at, at + size), take);
            at += size;
          }
          reader.end(take);
          const whole = read(new OpenAiReader(hasText, asks({ choices })), events.join(''));
          expect({ events: seen, usage: reader.usage, finished: reader.finished }).toEqual(whole);
        },
      ),
    );
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
      '{"usage":{"prompt_tokens":-1,"completion_tokens":5}}',
      '{"usage":{"prompt_tokens":1e999,"completion_tokens":5}}',
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

describe('an event behind the first content is read alike, at a glance and with care', () => {
  const first = 'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n';
  const choice = '"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":null}]';
  const usage = '"usage":{"prompt_tokens":7,"completion_tokens":2}';
  it.each([
    `{${choice}}`,
    `{ "choices" : [ { "delta" : { "content" : "b" } } ] }`,
    `{${choice},"usage":null}`,
    `{${choice},${usage}}`,
    `{"choices":[],${usage}}`,
    `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
    `{"choices":[{"index":0,"delta":{},"finish_reason": "length"}]}`,
    `{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":""}]}`,
    `{"choices":[{"index":0,"delta":{"content":"\\"error\\" \\"usage\\": {} \\"finish_reason\\": \\"x\\""},"finish_reason":null}]}`,
    `{"error":{"message":"dead"}}`,
    `{"error":{"message":"dead"},${choice}}`,
    `{"error":null,${choice}}`,
    `{${choice},"error":{"message":"dead"}}`,
    '{"object":"x"}',
    '{}',
    '[DONE]',
  ])('%s', (data) => {
    const asked = { stream_options: { include_usage: true } };
    const glanced = read(readerOf(asked), first, `data: ${data}\n\n`);
    // Behind a comment it is no event of one line.
    const cared = read(readerOf(asked), first, `: x\ndata: ${data}\n\n`);
    const events = cared.events.map(([kind, bytes]) => [kind, bytes?.replace(': x\n', '')]);
    expect(glanced).toEqual({ ...cared, events });
  });
});
