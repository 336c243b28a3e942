import { expect, it } from 'vitest';
import { readDeclaration, readDeclarations, runsOf } from './declaration.ts';

const small = {
  shows: 'A small one.',
  seconds: 1,
  scenario: { engineers: 10, routers: 4 },
  beside: { alone: { routers: 1 } },
  marks: [{ mark: 'hits', figure: 'hits', lossFrom: 'alone', atMost: 1, from: 'a test' }],
};
const read = (changes: object): ReturnType<typeof readDeclaration> =>
  readDeclaration('small.json', JSON.stringify({ ...small, ...changes }));

it('every declared scenario can be run, and has a name, a sentence and a place for each bound', async () => {
  const declarations = await readDeclarations();
  expect(declarations.map(({ name }) => name)).toContain('calm');
  for (const { name, shows, marks } of declarations) {
    expect([name, shows.endsWith('.')]).toEqual([expect.stringMatching(/^[a-z-]+$/), true]);
    for (const { from } of marks) expect(from).not.toBe('');
  }
});

it('what is asked for holds in all runs, but for what makes the difference', () => {
  const { small: own, alone } = runsOf(read({}), { routers: 8, policy: 'aibrix' });
  expect([own?.routers, own?.policy, alone?.routers, alone?.policy]).toEqual([8, 'aibrix', 1, 'aibrix']);
});

it('says what is wrong where', () => {
  expect(() => read({ scenario: { engineers: 'many' } })).toThrow(/small.*engineers/s);
  expect(() => read({ beside: { alone: { policy: 'best' } } })).toThrow(/alone.*policy/s);
  expect(() => read({ beside: {} })).toThrow('not beside it');
  expect(() => read({ colour: 'blue' })).toThrow(/small\.json.*colour/s);
});
