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

  it('keep leading zero bytes apart', () => {
    const zeros = formatToken('access', new Uint8Array(24));
    expect(zeros).toHaveLength(formatToken('access', bytes).length);
    expect(hasTokenForm('access', zeros)).toBe(true);
  });
});
