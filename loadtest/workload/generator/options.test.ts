import { expect, it } from 'vitest';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { readLoadOptions, UsageAskedError } from './options.ts';

it.each([
  ['http://one:8000', 'http://one:8000'],
  ['http://one:8000/', 'http://one:8000'],
  ['https://one/v1', 'https://one'],
  ['https://one/v1/', 'https://one'],
  ['https://one/team/a/v1/chat/completions', 'https://one/team/a'],
])('the URL %s is asked at %s', (url, base) => {
  expect(readLoadOptions(['--url', url], {}).url).toBe(base);
});

it('a token of the environment is taken, unless one is given', () => {
  const env = { FAIRWAY_TOKEN: 'of the environment' };
  expect(readLoadOptions(['--url', 'http://one'], env).token).toBe('of the environment');
  expect(readLoadOptions(['--url', 'http://one', '--token', 'given'], env).token).toBe('given');
});

it('tells every problem at once', () => {
  const args = [
    '--url',
    'one:8000',
    '--engineers',
    '1.5',
    '--answers',
    'long',
    '--header',
    'x',
    '--minutes',
    '1',
    '--workload',
    '{',
  ];
  let problems = '';
  try {
    readLoadOptions(args, {});
  } catch (error) {
    problems = error instanceof ConfigError ? error.message : '';
  }
  expect(problems.split('\n')).toEqual([
    expect.stringMatching(/^--answers must be one of sim, exact, at-most, not "long"/),
    expect.stringMatching(/^--engineers must be a whole number from 1 on, not "1\.5"/),
    expect.stringMatching(/^--url must be http/),
    expect.stringMatching(/^--workload is none: .*object/),
    expect.stringMatching(/^--header must be "name: value", not "x"/),
    expect.stringMatching(/^--warmup 2 leaves nothing to measure/),
    expect.stringMatching(/--help$/),
  ]);
  expect(() => readLoadOptions(['--help'], {})).toThrow(UsageAskedError);
});

it('says how to make the same run again, and no key', () => {
  const args = ['--url', 'http://one/v1', '--engineers', '7', '--token', 'key', '--keep', 'there'];
  const headers = ['--header', 'x-key: key', '--header', 'x-session-id: {session}'];
  expect(readLoadOptions([...args, ...headers], {}).again).toEqual([
    '--url',
    'http://one/v1',
    '--engineers',
    '7',
    '--header',
    'x-key: …',
    '--header',
    'x-session-id: {session}',
  ]);
});
