import { expect, it } from 'vitest';
import { chunkOf } from './chunked-body.ts';

const text = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString();
const long = Buffer.alloc(70_000, 'x');

it.each<[string, { parts: readonly Buffer[]; isLast: boolean }, string]>([
  ['one part', { parts: [Buffer.from('hello')], isLast: false }, '5\r\nhello\r\n'],
  [
    'several parts',
    { parts: [Buffer.from('hello '), Buffer.from('big world')], isLast: false },
    'f\r\nhello big world\r\n',
  ],
  ['more than a digit', { parts: [Buffer.alloc(256, 'y')], isLast: false }, `100\r\n${'y'.repeat(256)}\r\n`],
  ['the last part', { parts: [Buffer.from('bye')], isLast: true }, '3\r\nbye\r\n0\r\n\r\n'],
  ['the end alone', { parts: [], isLast: true }, '0\r\n\r\n'],
  ['nothing, which would be the end', { parts: [Buffer.alloc(0)], isLast: false }, ''],
  ['a long part', { parts: [long, Buffer.from('z')], isLast: true }, `11171\r\n${long}z\r\n0\r\n\r\n`],
])('a chunk is framed as HTTP says: %s', (_, { parts, isLast }, framed) => {
  expect(text(chunkOf(parts, isLast))).toBe(framed);
});

it('short parts become one piece of memory, long ones stay where they are', () => {
  expect(chunkOf([Buffer.from('a'), Buffer.from('b')], true)).toHaveLength(1);
  expect(chunkOf([long], false)[1]).toBe(long);
});
