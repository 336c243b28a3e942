import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { chunkedCost, type Arrivals } from '../admit/arrivals.ts';
import type { Source } from '../admit/intake.ts';

/** Requests that a connection may send ahead of the one that is answered. */
const pipelinedMax = 16;

/**
 * Serves the requests of each connection one after the other. What is pipelined waits unread, so that a connection holds no
 * more than one answer; one that sends more than 16 ahead is cut. Between two requests it rests, and connections take turns.
 */
export class ConnectionTurns {
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #arrivals: Arrivals;
  readonly #cut: () => void;

  constructor(arrivals: Arrivals, cut: () => void) {
    this.#arrivals = arrivals;
    this.#cut = cut;
  }

  /** A client has connected. */
  open(socket: Socket): void {
    const connection = new Connection(socket);
    this.#connections.set(socket, connection);
    socket.once('close', () => this.#arrivals.leave(connection));
    // Node's server lets it flow in the next tick, whatever is said before; inside of TLS its first request may come sooner.
    process.nextTick(() => {
      if (!connection.isServing) this.#arrivals.rests(connection);
    });
  }

  /** Whose requests it brings, as far as is known: whose turn it takes. */
  belongTo(socket: Socket, endpointId: string): void {
    const connection = this.#connections.get(socket);
    if (connection !== undefined) connection.owner = endpointId;
  }

  /** Calls `serve` when it is the request's turn; never when the connection ends before. */
  enter({ socket, headers }: IncomingMessage, outgoing: ServerResponse, serve: () => void): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) throw new Error('a request of a connection that was not opened');
    outgoing.once('close', () => this.#next(connection));
    if (!connection.isServing) {
      connection.isServing = true;
      this.#arrivals.arrived(connection, headers['transfer-encoding'] === undefined ? 1 : chunkedCost);
      return serve();
    }
    if (connection.waiting.length < pipelinedMax) return void connection.waiting.push(serve);
    this.#cut();
    socket.destroy();
  }

  #next(connection: Connection): void {
    const serve = connection.waiting.shift();
    // Also one whose last reply is said, and that is closed now.
    if (!connection.socket.writable) return;
    if (serve !== undefined) return serve();
    connection.isServing = false;
    this.#arrivals.rests(connection);
  }
}

/** Requests of one connection: the one that is answered, and those that were sent behind it without waiting. */
class Connection implements Source {
  readonly socket: Socket;
  readonly waiting: (() => void)[] = [];
  owner = '';
  isServing = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }
}
