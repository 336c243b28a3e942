import { describe, expect, it } from 'vitest';
import { publicOrigin } from './public-origin.ts';

const origin = (headers: Record<string, string>): string =>
  publicOrigin(new Request('http://10.0.0.1:8081/v2/x', { headers }));

describe('the public origin', () => {
  it.each([
    [{}, 'http://10.0.0.1:8081'],
    [{ host: 'api.example:90' }, 'http://api.example:90'],
    [
      { host: 'inner', 'x-forwarded-host': 'api.example, proxy', 'x-forwarded-proto': 'https, http' },
      'https://api.example',
    ],
    [{ host: '[::1]:80', 'x-forwarded-proto': 'gopher' }, 'http://[::1]:80'],
    [{ host: 'good', 'x-forwarded-host': 'evil/path?x' }, 'http://good'],
  ])('of %o', (headers, expected) => {
    expect(origin(headers)).toBe(expected);
  });
});
