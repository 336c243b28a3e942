import { once } from 'node:events';
import { expect, test } from 'vitest';
import { holdFreePort } from './free-port.ts';

test('a port that is taken is passed over, and none is one that outgoing connections get', async () => {
  const { port, held } = await holdFreePort();
  const same = (port - 16_384) / 16_384;
  const draws = [same, same, 0.999];
  const other = await holdFreePort(() => draws.shift() ?? same);
  expect([other.port, draws]).toEqual([16_384 + Math.floor(0.999 * 16_384), []]);
  expect(Math.max(port, other.port)).toBeLessThan(32_768);
  for (const server of [held, other.held]) {
    server.close();
    await once(server, 'close');
  }
});
