import { describe, expect, it } from 'vitest';
import { readHints } from './hints.ts';

describe('hints of a create', () => {
  it.each([
    ['{"spec":{"region":"atl1","name":"n","more":1}}', { region: 'atl1', name: 'n' }],
    ['{"spec":{"region":5,"name":"n"}}', { name: 'n' }],
    ['{"spec":[]}', {}],
    ['{"spec":null}', {}],
    ['[1]', {}],
    ['{"spec":', {}],
    ['', {}],
  ])('in %s', (text, hints) => {
    expect(readHints(Buffer.from(text))).toEqual(hints);
  });

  it('of no body are none', () => {
    expect(readHints(undefined)).toEqual({});
  });
});
