import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';

/** How much a server takes on at once. What is beyond gets a 503 and is closed. */
export interface ServerBounds {
  readonly connectionsMax: number;
  readonly requestsMax?: number;
  /** Called for each that is refused; gives the answer. Connections far beyond the bound are closed without a `request`. */
  refuse(what: 'connection' | 'request', request?: IncomingMessage): { headers: Record<string, string>; body: string };
}

/** Connections beyond the bound that are heard out and told: clients read a 503, and try a closed connection again at once. */
const surplusMax = 256;

/** Bounds a server, and what its listener gets. */
export function boundedListener(server: Server, listener: RequestListener, bounds: ServerBounds): RequestListener {
  const { connectionsMax, requestsMax = Number.POSITIVE_INFINITY } = bounds;
  const surplus = new WeakSet<Socket>();
  let connections = 0;
  let running = 0;
  server.maxConnections = connectionsMax + surplusMax;
  server.on('drop', () => bounds.refuse('connection'));
  server.on(connected(server), (socket: Socket) => {
    connections += 1;
    if (connections > connectionsMax) surplus.add(socket);
    socket.once('close', () => (connections -= 1));
  });
  return (request, response) => {
    const isSurplus = surplus.has(request.socket);
    if (isSurplus || running >= requestsMax) {
      const { headers, body } = bounds.refuse(isSurplus ? 'connection' : 'request', request);
      const length = { 'content-length': Buffer.byteLength(body) };
      return void response.writeHead(503, { ...headers, ...length, connection: 'close' }).end(body);
    }
    running += 1;
    response.once('close', () => (running -= 1));
    listener(request, response);
  };
}

/** The event that brings the sockets of a server's requests. */
export function connected(server: Server): 'connection' | 'secureConnection' {
  return server instanceof TlsServer ? 'secureConnection' : 'connection';
}
