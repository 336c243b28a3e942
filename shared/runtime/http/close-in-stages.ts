import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { connected } from './server-bounds.ts';

/**
 * Node closes a connection as soon as its last reply is written. While its client still sends a body, the kernel answers
 * that with a reset, and the client's side throws the reply away unread. So only our direction is closed first; what comes
 * is read and dropped until the client closes, `lingerMs` at most (RFC 9112 §9.6).
 */
export function closeInStages(server: Server, lingerMs: number): void {
  const last = new WeakMap<Socket, IncomingMessage>();
  server.on('request', (request) => void last.set(request.socket, request));
  server.on(connected(server), (socket: Socket) => {
    const closeNow = socket.destroySoon.bind(socket);
    // What Node's HTTP server calls after the last reply.
    socket.destroySoon = () => {
      const request = last.get(socket);
      if (request === undefined || request.complete) return closeNow();
      request.resume();
      socket.end();
      const deadline = setTimeout(() => socket.destroy(), lingerMs);
      socket.once('close', () => clearTimeout(deadline));
    };
  });
}
