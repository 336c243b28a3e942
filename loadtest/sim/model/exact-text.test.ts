import { expect, it } from 'vitest';
import { exactText } from './exact-text.ts';
import { splitTokens } from './tokens.ts';

it.each([
  { tokens: 1, bytes: 4 },
  { tokens: 7, bytes: 77 },
  { tokens: 1000, bytes: 2001 },
  { tokens: 1203, bytes: 5000 },
  { tokens: 20_000, bytes: 91_234 },
])('a text of $tokens tokens and $bytes bytes is just that, as JSON, too', ({ tokens, bytes }) => {
  const text = exactText({ seed: 7, tokens, bytes });
  expect(splitTokens(text)).toHaveLength(tokens);
  expect(Buffer.byteLength(JSON.stringify(text))).toBe(bytes + 2);
});

it('texts of another seed share nothing that an engine could cache, those of the same are equal', () => {
  const order = { tokens: 64, bytes: 256 };
  const first = exactText({ ...order, seed: 1 });
  expect(exactText({ ...order, seed: 1 })).toBe(first);
  expect(splitTokens(exactText({ ...order, seed: 2 })).slice(0, 16)).not.toEqual(splitTokens(first).slice(0, 16));
});

it('what no text of so many tokens can have is held to what it can', () => {
  expect(exactText({ seed: 1, tokens: 2, bytes: 1 })).toHaveLength(4);
  expect(exactText({ seed: 1, tokens: 2, bytes: 100 })).toHaveLength(22);
});
