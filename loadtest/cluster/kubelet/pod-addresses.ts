import { createServer } from 'node:net';
import { freePort } from '#shared/runtime/http/free-port.ts';

/** Where a pod's server listens. */
export interface PodAddress {
  ip: string;
  port: number;
}

const size = 65_535;
const attemptsMax = 64;

/**
 * Hands out pod addresses: one of 127.64.0.0/16 per pod where the system has it (Linux), else 127.0.0.1 with a port
 * per pod. Numbers run round, so that an address is not used again soon; each is tried before it is given, because
 * other clusters on this machine draw from the same range.
 */
export class PodAddresses {
  readonly #mode: 'auto' | 'own' | 'shared';
  readonly #used = new Set<string>();
  #next: number;

  constructor({ mode, random }: { mode: 'auto' | 'own' | 'shared'; random: () => number }) {
    this.#mode = mode;
    this.#next = Math.floor(random() * size);
  }

  /** @throws when no address is free after a bounded number of attempts. */
  async allocate(containerPort: number): Promise<PodAddress> {
    const mode = this.#mode;
    for (let attempt = 0; attempt < attemptsMax && mode !== 'shared'; attempt += 1) {
      const ip = this.#candidate();
      const result = await tryListen(ip, containerPort);
      if (result === 'unavailable' && mode === 'auto') break;
      if (result !== 'free') continue;
      this.#used.add(ip);
      return { ip, port: containerPort };
    }
    if (mode === 'own') throw new Error('No address of 127.64.0.0/16 is free on this machine.');
    const port = await freePort();
    return { ip: '127.0.0.1', port };
  }

  release({ ip }: PodAddress): void {
    this.#used.delete(ip);
  }

  #candidate(): string {
    let ip: string;
    do {
      this.#next = (this.#next % size) + 1;
      ip = `127.64.${this.#next >> 8}.${this.#next & 255}`;
    } while (this.#used.has(ip));
    return ip;
  }
}

async function tryListen(host: string, port: number): Promise<'free' | 'taken' | 'unavailable'> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, resolve);
    });
    return 'free';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL' ? 'unavailable' : 'taken';
  } finally {
    server.close();
  }
}
