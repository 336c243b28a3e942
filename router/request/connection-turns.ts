import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests of one connection: the one that is answered, and those that were sent behind it without waiting. */
interface Turns {
  readonly waiting: (() => void)[];
}

/**
 * Serves the requests of each connection one after the other. What is pipelined waits unread, so that a connection holds no
 * more than one answer; one that sends more than `waitingMax` ahead is cut.
 */
export class ConnectionTurns {
  readonly #turns = new WeakMap<Socket, Turns>();
  readonly #waitingMax: number;
  readonly #cut: () => void;

  constructor(waitingMax: number, cut: () => void) {
    this.#waitingMax = waitingMax;
    this.#cut = cut;
  }

  /** Calls `serve` when it is the request's turn; never when the connection ends before. */
  enter({ socket }: IncomingMessage, outgoing: ServerResponse, serve: () => void): void {
    const turns = this.#turns.get(socket);
    outgoing.once('close', () => this.#next(socket));
    if (turns === undefined) {
      this.#turns.set(socket, { waiting: [] });
      return serve();
    }
    if (turns.waiting.length < this.#waitingMax) return void turns.waiting.push(serve);
    this.#cut();
    socket.destroy();
  }

  #next(socket: Socket): void {
    const serve = this.#turns.get(socket)?.waiting.shift();
    if (serve === undefined || socket.destroyed) this.#turns.delete(socket);
    else serve();
  }
}
