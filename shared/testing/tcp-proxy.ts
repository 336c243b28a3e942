import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { takeNatsFrames } from './nats-frames.ts';

/** A TCP proxy between a client and a server, for tests of a broken network. */
export interface TcpProxy extends AsyncDisposable {
  port: number;
  /** Bytes in both directions wait this long. */
  delay(ms: number): void;
  /** Closes every connection and refuses new ones until `restore`. */
  cut(): void;
  /** Connections stay open and no byte passes, either way, until `restore`: a half-open link. */
  freeze(): void;
  restore(): void;
  /**
   * Swallows the next `count` frames from the server for which `matches` holds (NATS only); counts from anew. Others pass
   * untouched.
   */
  swallow(count: number, matches: (payload: string) => boolean): void;
  /** Frames swallowed so far. */
  swallowed(): number;
}

/** True for the answer of a stream to a publish that it has stored. */
export function isPubAck(payload: string): boolean {
  return payload.includes('"stream":') && payload.includes('"seq":') && !payload.includes('"error"');
}

/** Where a proxy leads. `plain`: not to NATS, so that bytes pass as they come. */
interface ProxyTarget {
  port: number;
  host?: string;
  plain?: boolean;
}

/** Starts a proxy on a free port of 127.0.0.1. */
export async function startTcpProxy(target: ProxyTarget): Promise<TcpProxy> {
  const proxy = new NatsAwareProxy(target);
  await proxy.listen();
  return proxy;
}

class NatsAwareProxy implements TcpProxy {
  readonly #target: ProxyTarget;
  readonly #server = createServer((client) => this.#join(client));
  readonly #sockets = new Set<Socket>();
  #delayMs = 0;
  #mode: 'open' | 'cut' | 'frozen' = 'open';
  #toSwallow = 0;
  #swallowed = 0;
  #matches: (payload: string) => boolean = () => false;
  port = 0;

  constructor(target: ProxyTarget) {
    this.#target = target;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  cut(): void {
    this.#mode = 'cut';
    for (const socket of this.#sockets) socket.destroy();
  }

  freeze(): void {
    this.#mode = 'frozen';
    for (const socket of this.#sockets) socket.pause();
  }

  restore(): void {
    this.#mode = 'open';
    for (const socket of this.#sockets) socket.resume();
  }

  swallow(count: number, matches: (payload: string) => boolean): void {
    this.#toSwallow = count;
    this.#matches = matches;
  }

  swallowed(): number {
    return this.#swallowed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    if (this.#mode === 'cut') return void client.destroy();
    const server = connect({ port: this.#target.port, host: this.#target.host ?? '127.0.0.1' });
    let rest: Buffer = Buffer.alloc(0);
    const filter = (chunk: Buffer): Buffer => {
      if (this.#target.plain === true) return chunk;
      const taken = takeNatsFrames(Buffer.concat([rest, chunk]));
      rest = taken.rest;
      return Buffer.concat(taken.frames.filter((frame) => !this.#isSwallowed(frame.payload)).map(({ bytes }) => bytes));
    };
    this.#pump({ from: client, to: server, change: (chunk) => chunk });
    this.#pump({ from: server, to: client, change: filter });
  }

  #pump({ from, to, change }: { from: Socket; to: Socket; change: (chunk: Buffer) => Buffer }): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    if (this.#mode === 'frozen') from.pause();
    const end = (): void => {
      this.#sockets.delete(from);
      to.destroy();
    };
    from.on('data', (chunk: Buffer) => {
      const bytes = change(chunk);
      if (bytes.length === 0) return;
      if (this.#delayMs === 0) to.write(bytes);
      else setTimeout(() => to.writable && to.write(bytes), this.#delayMs);
    });
    from.on('error', end);
    from.on('close', end);
  }

  #isSwallowed(payload: string | null): boolean {
    if (payload === null || this.#toSwallow <= 0 || !this.#matches(payload)) return false;
    this.#toSwallow -= 1;
    this.#swallowed += 1;
    return true;
  }
}
