import { expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { AnswerReader, type Answer } from './answer-reader.ts';

const word = (content: string): string => `data: {"choices":[{"delta":{"content":${JSON.stringify(content)}}}]}`;

it.each([
  ['lines that end as on other systems', [word('a'), word('b'), 'data: [DONE]', ''].join('\r\n\r\n')],
  [
    'comments, names of events, no blank behind the colon',
    `: beat\n\nevent: x\n${word('a').replace(': ', ':')}\n\n${word('b')}\n\ndata: [DONE]\n\n`,
  ],
])('reads %s, wherever they are cut', (_what, stream) => {
  const bytes = Buffer.from(stream);
  for (let cut = 0; cut < bytes.length; cut += 1)
    expect(read([bytes.subarray(0, cut), bytes.subarray(cut)])).toMatchObject({ text: 'ab', outputTokens: 2 });
});

it('a character that is cut in two is whole again', () => {
  const bytes = Buffer.from(`${word('é')}\n\ndata: [DONE]\n\n`);
  const cut = bytes.indexOf(0xc3) + 1;
  expect(read([bytes.subarray(0, cut), bytes.subarray(cut)]).text).toBe('é');
});

it('a thought and a call of a tool are the first of an answer, and no part of its text', () => {
  for (const delta of ['{"reasoning":"hm"}', '{"reasoning_content":"hm"}', '{"tool_calls":[{"index":0}]}']) {
    const stream = `data: {"choices":[{"delta":${delta}}]}\n\n${word('a')}\n\ndata: [DONE]\n\n`;
    const answer = read([Buffer.from(stream)]);
    expect(answer).toMatchObject({ text: 'a', outputTokens: 2 });
  }
});

it.each([
  ['no end mark', `${word('a')}\n\n`, 'cut'],
  ['no JSON', 'data: {\n\ndata: [DONE]\n\n', 'bad frame'],
  ['an error', 'data: {"error":{"message":"x","code":503}}\n\n', 'in stream: 503'],
])('a stream with %s has failed', (_what, stream, code) => {
  expect(() => read([Buffer.from(stream)])).toThrow(expect.objectContaining({ code }));
});

function read(pieces: readonly Uint8Array[]): Answer {
  const reader = new AnswerReader(createTestClock());
  for (const piece of pieces) reader.take(piece);
  return reader.end();
}
