import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonText } from './json-text.ts';

const [quote, backslash, space] = [0x22, 0x5c, 0x20];

/** The rule, byte by byte. */
function endOf(bytes: Uint8Array): number {
  for (let at = 0, escaped = false; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < space || (byte === quote && !escaped)) return at;
    escaped = byte === backslash && !escaped;
  }
  return bytes.length;
}

describe('the end of a text', () => {
  test('is where a byte says so, wherever it stands', () => {
    for (let byte = 0; byte < 256; byte++)
      for (let at = 0; at < 24; at++) {
        const bytes = new Uint8Array(24)
          .fill(0xe9, 0, at)
          .fill(0x61, at)
          .fill(byte, at, at + 1);
        expect(new JsonText(bytes).endFrom(0)).toBe(endOf(bytes));
      }
  });

  test('is behind whatever is escaped', () => {
    const byte = fc.oneof(fc.constantFrom(quote, backslash, backslash, space, 0x1f, 0x21, 0x80), fc.nat(255));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), fc.nat(7), (all, offset) => {
        const bytes = Uint8Array.from([...Array<number>(offset).fill(backslash), ...all]).subarray(offset);
        const text = new JsonText(bytes);
        expect(text.endFrom(0)).toBe(endOf(bytes));
        const run = bytes.length - 1 - bytes.findLastIndex((one) => one !== backslash);
        expect(text.isEscaped(bytes.length, 0)).toBe(run % 2 === 1);
      }),
      { numRuns: 1000 },
    );
  });
});
