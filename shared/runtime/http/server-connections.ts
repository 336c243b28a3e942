import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of a server that ends. One that is closed just as its client sends the next request loses that request
 * (RFC 9112 §9.6), and Node's own `close()` closes what is idle at once. So replies that have not begun say
 * `connection: close`; what is idle is kept, and served, until the end; and one whose last reply had promised to keep it
 * is closed only when nothing came for a while.
 */
export class ServerConnections {
  readonly #open = new Map<ServerResponse, Socket>();
  /** How much each connection had sent when it was last without a request. */
  readonly #restedAt = new Map<Socket, number>();
  /** Nothing was asked through these yet. */
  readonly #fresh = new Set<Socket>();
  readonly #lingering = new Set<Socket>();
  readonly #lingerMs: number;
  #leaving = false;
  #stopped = false;

  /**
   * `lingerMs`: how long a connection is waited for whose next request may be on its way: it has sent nothing yet, or its
   * last reply had promised to keep it.
   */
  constructor(server: Server, lingerMs: number) {
    this.#lingerMs = lingerMs;
    server.on('connection', (socket) => this.#keep(socket));
    // Requests name the socket inside of TLS.
    server.on('secureConnection', (socket: Socket) => this.#keep(socket));
    server.on('request', ({ socket }, response) => {
      this.#fresh.delete(socket);
      this.#open.set(response, socket);
      if (this.#leaving) response.shouldKeepAlive = false;
      response.once('close', () => {
        this.#open.delete(response);
        this.#restedAt.set(socket, socket.bytesRead);
        if (this.#stopped) this.#linger(socket);
      });
    });
  }

  /** From now on every reply ends its connection. */
  sendAway(): void {
    this.#leaving = true;
    for (const response of this.#open.keys()) response.shouldKeepAlive = false;
  }

  /** No more come. Resolves when those who had just come have said what they want. */
  async noneFollow(): Promise<void> {
    this.#stopped = true;
    if (this.#silent().length > 0) await new Promise((resolve) => setTimeout(resolve, this.#lingerMs));
    for (const socket of this.#silent()) socket.destroy();
  }

  closeIdle(): void {
    for (const socket of this.#restedAt.keys())
      if (this.#isIdle(socket) && !this.#lingering.has(socket)) socket.destroy();
  }

  #keep(socket: Socket): void {
    this.#restedAt.set(socket, socket.bytesRead);
    this.#fresh.add(socket);
    socket.once('close', () => {
      for (const kept of [this.#restedAt, this.#fresh, this.#lingering]) kept.delete(socket);
    });
  }

  #silent(): Socket[] {
    return [...this.#fresh].filter((socket) => this.#isIdle(socket));
  }

  /** Of one that is not read right now nobody knows. */
  #isIdle(socket: Socket): boolean {
    if (socket.isPaused() || socket.bytesRead !== this.#restedAt.get(socket)) return false;
    return !this.#open.values().some((busy) => busy === socket);
  }

  #linger(socket: Socket): void {
    this.#lingering.add(socket);
    const timer = setTimeout(() => {
      this.#lingering.delete(socket);
      if (this.#isIdle(socket)) socket.destroy();
    }, this.#lingerMs);
    socket.once('close', () => clearTimeout(timer));
  }
}
