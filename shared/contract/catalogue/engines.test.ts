import { expect, it } from 'vitest';
import { isOlder } from './engines.ts';

it.each([
  ['0.17.9', '0.18.0', true],
  ['0.18.0', '0.18.0', false],
  ['0.5.9', '0.5.15', true],
  ['0.5.15.post1', '0.5.15', false],
  ['0.5.15', '0.5.15.post1', true],
  ['1.0.0', '0.18.0', false],
  ['b9060', 'b9061', true],
  ['b11434', 'b9061', false],
])('%s is older than %s: %s', (version, than, older) => {
  expect(isOlder(version, than)).toBe(older);
});
