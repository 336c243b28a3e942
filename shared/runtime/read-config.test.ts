import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError, flag, maskConfig, readConfig, secretText } from './read-config.ts';

const schema = z.object({
  FAIRWAY_PORT: z.coerce.number().int().min(0).max(65_535).default(8080).describe('where to listen'),
  FAIRWAY_KEY: secretText.regex(/^[0-9a-f]{8}$/, 'must be 8 hex digits').describe('root of all keys'),
  FAIRWAY_SPARE_KEY: secretText.optional(),
  FAIRWAY_NAME: z.string().min(3),
  FAIRWAY_ON: flag.default(false),
});
const good = { FAIRWAY_KEY: '0123abcd', FAIRWAY_NAME: 'atl' };

const problemsOf = (env: Record<string, string | undefined>): string => {
  try {
    readConfig(schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('it fits');
};

describe('readConfig', () => {
  it('reads what is set and takes defaults for what is unset or empty', () => {
    expect(readConfig(schema, { ...good, FAIRWAY_PORT: '', FAIRWAY_SPARE_KEY: '' })).toEqual({
      FAIRWAY_PORT: 8080,
      FAIRWAY_KEY: '0123abcd',
      FAIRWAY_NAME: 'atl',
      FAIRWAY_ON: false,
    });
    expect(readConfig(schema, { ...good, FAIRWAY_PORT: '0', OTHER: 'x' }).FAIRWAY_PORT).toBe(0);
  });

  it('cannot be changed afterwards', () => {
    expect(Object.isFrozen(readConfig(schema, good))).toBe(true);
  });

  it('names every problem at once, with what was expected and what it is for', () => {
    const message = problemsOf({ FAIRWAY_PORT: '99999', FAIRWAY_NAME: 'x', FAIRWAY_ON: 'perhaps' });
    expect(message.split('\n')).toHaveLength(5);
    expect(message).toContain('FAIRWAY_PORT: Too big: expected number to be <=65535 (where to listen)');
    expect(message).toContain('FAIRWAY_KEY: is not set (root of all keys)');
    expect(message).toContain('FAIRWAY_NAME: Too small');
    expect(message).toContain('FAIRWAY_ON: Invalid option');
  });

  it('says of an empty variable that it is not set', () => {
    expect(problemsOf({ ...good, FAIRWAY_NAME: '' })).toContain('FAIRWAY_NAME: is not set');
  });

  it('says what is wrong between two variables', () => {
    const pair = z
      .object({ LOW: z.coerce.number(), HIGH: z.coerce.number() })
      .refine(({ LOW, HIGH }) => LOW < HIGH, 'LOW must be below HIGH');
    expect(() => readConfig(pair, { LOW: '2', HIGH: '1' })).toThrow(/\n {2}LOW must be below HIGH$/);
  });

  it('never shows the value of a secret that does not fit', () => {
    const message = problemsOf({ ...good, FAIRWAY_KEY: 'not-hex-but-secret' });
    expect(message).toContain('FAIRWAY_KEY: must be 8 hex digits');
    expect(message).not.toContain('not-hex-but-secret');
  });

  it.each([
    ['1', true],
    ['true', true],
    ['yes', true],
    ['on', true],
    ['0', false],
    ['false', false],
    ['no', false],
    ['off', false],
    ['', false],
  ])('reads the flag %j as %j', (text, value) => {
    expect(readConfig(schema, { ...good, FAIRWAY_ON: text }).FAIRWAY_ON).toBe(value);
  });
});

describe('maskConfig', () => {
  it('masks secrets, however they are wrapped, and nothing else', () => {
    const wrapped = z.object({
      PLAIN: z.string(),
      SECRET: secretText,
      OPTIONAL: secretText.optional(),
      NULLABLE: secretText.nullable(),
      DEFAULTED: secretText.default('d'),
      DESCRIBED: secretText.describe('what for'),
      CHECKED: secretText.regex(/x/),
      CHANGED: secretText.transform((text) => text.length),
      LIST: secretText.transform((text) => text.split(',')).pipe(z.array(z.string())),
      READONLY: secretText.optional().readonly(),
      UNSET: secretText.optional(),
    });
    const config = Object.fromEntries(Object.keys(wrapped.shape).map((key) => [key, 'x']));
    const masked = maskConfig(wrapped, { ...config, UNSET: undefined });
    const { PLAIN, UNSET, ...rest } = masked;
    expect([PLAIN, UNSET]).toEqual(['x', undefined]);
    expect(new Set(Object.values(rest))).toEqual(new Set(['***']));
  });
});
