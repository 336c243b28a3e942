import { describe, expect, it } from 'vitest';
import { formatToken, hasTokenForm } from './access-token.ts';

const bytes = Uint8Array.from({ length: 24 }, (_, index) => index * 11);

describe('tokens', () => {
  it('have a form that a typo breaks', () => {
    const token = formatToken('access', bytes);
    expect(hasTokenForm('access', token)).toBe(true);
    expect(hasTokenForm('api', token)).toBe(false);
    expect(
      hasTokenForm(
        'access',
        token.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')),
      ),
    ).toBe(false);
    expect(hasTokenForm('access', `${token}x`)).toBe(false);
    expect(hasTokenForm('access', '')).toBe(false);
  });

  it('notice every typo of one character', () => {
    const token = formatToken('api', bytes);
    for (let at = 0; at < token.length; at += 1) {
      const typo = `${token.slice(0, at)}${token[at] === 'x' ? 'y' : 'x'}${token.slice(at + 1)}`;
      expect(hasTokenForm('api', typo)).toBe(false);
    }
  });

  it('cannot be made of too few or too many bytes', () => {
    for (const length of [0, 23, 65]) expect(() => formatToken('access', new Uint8Array(length))).toThrow(RangeError);
    expect(hasTokenForm('access', formatToken('access', new Uint8Array(64).fill(255)))).toBe(true);
  });

  it('are no other text', () => {
    const token = formatToken('access', bytes);
    for (const text of [
      `${token} `,
      ` ${token}`,
      token.toUpperCase(),
      `${token}_x`,
      token.replace('_', ''),
      'fairway__',
    ])
      expect(hasTokenForm('access', text)).toBe(false);
  });

  it('keep leading zero bytes apart', () => {
    const zeros = formatToken('access', new Uint8Array(24));
    expect(zeros).toHaveLength(formatToken('access', bytes).length);
    expect(hasTokenForm('access', zeros)).toBe(true);
  });
});
