import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { inputProblems } from './input-problems.ts';

const schema = z.strictObject({
  name: z.string(),
  list: z.array(z.strictObject({ n: z.int() })).optional(),
  either: z.union([z.literal('a'), z.strictObject({ deep: z.int(), other: z.int() })]).optional(),
});
const problems = (input: unknown): Record<string, string> => {
  const result = schema.safeParse(input);
  return Object.fromEntries(
    (result.error ? inputProblems(result.error) : []).map(({ path, message }) => [path, message]),
  );
};

describe('input problems', () => {
  it('have a path each, all at once', () => {
    expect(problems({ list: [{ n: 1.5, x: 1 }, 'y'], extra: 1, more: 2 })).toEqual({
      name: 'is required (string)',
      'list.0.n': expect.any(String),
      'list.0.x': 'is not known here; leave it out',
      'list.1': expect.any(String),
      extra: 'is not known here; leave it out',
      more: 'is not known here; leave it out',
    });
  });

  it('of a union are those of its nearest member', () => {
    expect(Object.keys(problems({ name: 'n', either: 'b' }))).toEqual(['either']);
  });

  it('of what fits are none', () => {
    expect(problems({ name: 'n', either: { deep: 1, other: 2 } })).toEqual({});
  });
});
