import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

/** Below what Linux (from 32,768) and macOS (from 49,152) give to outgoing connections and to whoever listens on port 0. */
const [first, count] = [16_384, 16_384];
const attemptsMax = 32;

/**
 * Listens on a free TCP port of 127.0.0.1 that nothing but a caller of this function takes by chance once it is given up:
 * for servers that are told their port, and must find it free after a while, or again after a restart.
 * @throws what listening fails with, when all of some ports tried are taken.
 */
export async function holdFreePort(random: () => number = Math.random): Promise<{ port: number; held: Server }> {
  for (let attempt = 1; ; attempt += 1) {
    const held = createServer().listen(first + Math.floor(random() * count), '127.0.0.1');
    try {
      await once(held, 'listening');
      return { port: (held.address() as AddressInfo).port, held };
    } catch (error) {
      if (attempt === attemptsMax) throw error;
    }
  }
}

/** A free TCP port of 127.0.0.1, as `holdFreePort` finds one. */
export async function freePort(): Promise<number> {
  const { port, held } = await holdFreePort();
  held.close();
  await once(held, 'close');
  return port;
}
