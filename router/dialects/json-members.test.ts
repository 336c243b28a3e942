import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersOf } from './json-members.ts';

describe('the members of a JSON object', () => {
  it('keep every byte of their values', () => {
    expect(membersOf(' { "a" : 12345678901234567890 , "b":{"a":[1,"}"]},\n"c\\"":"x,\\\\", "d":null }')).toEqual([
      { name: 'a', text: '"a" : 12345678901234567890' },
      { name: 'b', text: '"b":{"a":[1,"}"]}' },
      { name: 'c"', text: '"c\\"":"x,\\\\"' },
      { name: 'd', text: '"d":null' },
    ]);
    expect([membersOf('{}'), membersOf('{ }'), membersOf('null')]).toEqual([[], [], []]);
  });

  it('are those that JSON.parse finds, and give the same object when they are put together', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
        fc.constantFrom(0, 1, 3),
        (object, space) => {
          const members = membersOf(JSON.stringify(object, null, space));
          expect(members.map(({ name }) => name)).toEqual(Object.keys(object));
          const again: unknown = JSON.parse(`{${members.map(({ text }) => text).join(',')}}`);
          expect(again).toEqual(JSON.parse(JSON.stringify(object)));
        },
      ),
      { numRuns: 300 },
    );
  });
});
