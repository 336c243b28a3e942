import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataOf, FrameTooLongError, isDone, SseFrames } from './sse-frames.ts';

function cut(text: string, sizes: readonly number[]): string[] {
  const frames: string[] = [];
  const reader = new SseFrames(1000);
  const bytes = Buffer.from(text);
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    reader.push(bytes.subarray(at, at + size), (frame) => frames.push(frame.toString()));
    at = Math.min(bytes.length, at + size);
  }
  reader.end((frame) => frames.push(`${frame.toString()}rest`));
  return frames;
}

describe('SseFrames', () => {
  it('ends an event at a blank line of either kind, and keeps the rest', () => {
    const text = 'data: a\n\n: note\r\n\r\nevent: x\ndata: b\n\ndata: unfinished';
    expect(cut(text, [])).toEqual([
      'data: a\n\n',
      ': note\r\n\r\n',
      'event: x\ndata: b\n\n',
      'data: unfinished\n\nrest',
    ]);
  });

  it('ends an event that ends its lines in CR alone, at once', () => {
    expect(cut('event: x\rdata: a\r\rdata: b\r\r', [1, 2, 3])).toEqual(['event: x\rdata: a\r\r', 'data: b\r\r']);
    const seen: string[] = [];
    new SseFrames(1000).push(Buffer.from('data: a\r\r'), (frame) => seen.push(frame.toString()));
    expect(seen).toHaveLength(1);
  });

  it.each(['\n', '\r\n', '\r'])('reads the fields of an event, whatever its lines end in (%j)', (end) => {
    const text = ['event: x', 'data: a', 'id: 1', 'data:b', '', 'data: c', '', ''].join(end);
    const data: (string | undefined)[] = [];
    for (const frame of cut(text, [4, 1, 9])) data.push(dataOf(Buffer.from(frame), Buffer.from('data:'))?.toString());
    expect(data).toEqual(['a\nb', 'c']);
  });

  it.each([
    ['[DONE]', true],
    ['  \t[DONE] ', true],
    ['"[DONE]"', false],
    ['DONE', false],
  ])('knows the end of a stream: %j', (text, is) => expect(isDone(Buffer.from(text))).toBe(is));

  it('gives the same events however the stream is cut', () => {
    const piece = fc.constantFrom('data: é', 'x', '\n', '\r\n', '\r', '\n\n', '\r\n\r\n');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.integer({ min: 1, max: 5 })), (pieces, sizes) => {
        const text = pieces.join('');
        expect(cut(text, sizes)).toEqual(cut(text, []));
      }),
    );
  });

  it('gives every byte once', () => {
    const text = 'data: one\n\ndata: two\n\n';
    expect(cut(text, [3, 6, 1, 1, 4]).join('')).toBe(text);
  });

  it('refuses an event that is longer than the bound', () => {
    const reader = new SseFrames(10);
    expect(() => reader.push(Buffer.from('data: 12345678'), () => {})).toThrow(FrameTooLongError);
  });
});
