import { expect, it } from 'vitest';
import { holds, networksOf } from './networks.ts';

const networks = networksOf(['10.1.0.0/16', '192.0.2.7', '2001:db8::/32', 'nonsense', '10.9.0.0/99', '10.8.0.0/x']);

it.each([
  ['10.1.255.255', true],
  ['10.2.0.0', false],
  ['::ffff:10.1.0.1', true],
  ['192.0.2.7', true],
  ['192.0.2.8', false],
  ['2001:db8:1::1', true],
  ['2001:db9::1', false],
  ['10.9.0.1', false],
  ['10.8.0.1', false],
  ['', false],
  [undefined, false],
])('%s: %s', (address, is) => {
  expect(holds(networks, address)).toBe(is);
});
