import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What Node's parser refuses: no HTTP, a head that is too slow, a head that is too large. */
export type ClientErrorStatus = 400 | 408 | 431;

const reasons = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' } as const;

/** A client that does not take the answer, or does not close after it, is cut then. */
const lingerMs = 1000;

interface Exchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}

/**
 * Answers what Node's HTTP parser refuses in the service's own dialect instead of with an empty body, then closes the
 * connection. The answer waits for the replies to the requests that came whole before it: a pipelining client gets them
 * in order, and never an answer inside of another. If the body of a request is what cannot be read, and its reply has
 * begun, the connection is cut: nothing that could be said would be understood. `render` gets the target of the request when
 * it is known.
 */
export function answerClientErrors(
  server: Server,
  render: (status: ClientErrorStatus, target: string | undefined) => { headers: Record<string, string>; body: string },
): void {
  const open = new WeakMap<object, Set<Exchange>>();
  const refused = new WeakSet<object>();
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const exchanges = open.get(incoming.socket) ?? new Set();
    const exchange = { incoming, outgoing };
    open.set(incoming.socket, exchanges.add(exchange));
    outgoing.once('close', () => exchanges.delete(exchange));
  });
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    // Every further piece of what cannot be read is told again.
    if (refused.has(socket)) return;
    refused.add(socket);
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
    const exchanges = open.get(socket) ?? new Set();
    const answerInTurn = (): void => {
      const [next] = exchanges;
      if (next?.incoming.complete === true) return void next.outgoing.once('close', answerInTurn);
      if (next?.outgoing.headersSent === true || !socket.writable) return void socket.destroy();
      endWith(socket, status, render(status, targetOf(error.rawPacket)));
    };
    answerInTurn();
  });
}

/** The target of a request whose first line is in the piece that could not be read. */
function targetOf(piece: Buffer | undefined): string | undefined {
  return /^[A-Z]+ (\S{1,200})/.exec(piece?.toString('latin1', 0, 256) ?? '')?.[1];
}

function endWith(
  socket: Socket,
  status: ClientErrorStatus,
  { headers, body }: { headers: Record<string, string>; body: string },
): void {
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status} ${reasons[status]}\r\n${head}\r\n${body}`);
  setTimeout(() => socket.destroy(), lingerMs).unref();
}
